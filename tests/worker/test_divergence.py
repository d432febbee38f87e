"""A run that diverges leaves only finite numbers in the database."""

from typing import Any

import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.settings import Settings
from gatelab.store import Store
from tests.worker.conftest import both_databases, only_run, queue, train_all, worker_settings

GROWING: dict[str, Any] = {
    # Every step multiplies the weights by -9999: those of the tenth are beyond single precision.
    "optimizer": {"kind": "adamw", "lr": 1000, "weight_decay": 10},
    "keep_checkpoints": 100,
    "keep_best": True,
}
ONE_STEP = {"slice_seconds": 1e-9, "checkpoint_seconds": 3600}
RECORDS = {"slice_seconds": 3600, "checkpoint_seconds": 1e-9}


@both_databases
@pytest.mark.parametrize("how", [ONE_STEP, RECORDS, {}], ids=["slices", "records", "at-once"])
def test_what_is_stored_of_a_run_that_diverges_is_finite(
    how: dict[str, float], store: Store, database_url: str, settings: Settings
) -> None:
    queue(store, **GROWING)
    train_all(store, worker_settings(database_url, settings.data_dir, **how))
    run = store.runs.get(only_run(store))
    assert run.error is not None
    assert (run.state, run.error.type) == ("failed", "diverged")
    # If a checkpoint is due at the tenth step, it shows the divergence; otherwise the next loss shows it.
    found = "is not finite at step 10 (epoch 3)" if how == ONE_STEP else "step 1"
    assert found in run.error.message
    saved = [Checkpoint.from_bytes(store.checkpoints.get(run.id, c.step).data) for c in store.checkpoints.list(run.id)]
    assert all(checkpoint.not_finite() is None for checkpoint in saved)
    if how == ONE_STEP:
        assert store.checkpoints.find(run.id).step == 9, "the last good one"
        assert [row.epoch for row in store.metrics.list(run.id)] == [1, 2]


def test_a_pack_goes_on_without_the_member_that_diverges(store: Store, database_url: str, settings: Settings) -> None:
    queue(store, **GROWING)
    queue(store)
    train_all(store, worker_settings(database_url, settings.data_dir, **ONE_STEP))
    assert sorted(str(run.state) for run in store.runs.list().items) == ["failed", "succeeded"]
