"""The checkpoint with the lowest validation loss survives, whatever happens to the workers."""

from math import inf
from typing import Any

import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.settings import Settings
from gatelab.store import State, Store
from gatelab.text import Corpus
from gatelab.training import Evaluated, train
from tests.store.conftest import expire
from tests.worker.conftest import (
    SPEC,
    TEXT,
    assert_as_trained_in_one_go,
    assert_same_weights,
    at_call,
    both_databases,
    evaluations,
    only_run,
    queue,
    take_away,
    train_all,
    train_slice,
    worker_settings,
)
from worker.slice import Slice

WORSENING: dict[str, Any] = {
    "optimizer": {"kind": "adam", "lr": 10, "schedule": {"kind": "constant", "by": "epochs", "warmup": 8}},
    "epochs": 8,
    "seed": 7,
    "keep_checkpoints": 1,
    "keep_best": True,
}
"""The rate rises until the end, far beyond a useful value, so an early epoch is the best on any processor."""


def assert_the_best_is_kept(store: Store, run_id: str) -> None:
    spec = store.runs.get(run_id).spec
    events = train(spec, Corpus("wells", TEXT), threads=1)
    # Taken at once, since an event's checkpoint changes afterwards.
    found = [(event.validation_loss, event.checkpoint()) for event in events if isinstance(event, Evaluated)]
    expected = min(found, key=lambda pair: pair[0])[1]
    assert expected.position.epoch < spec.training.epochs, "the last is the best: this tells nothing"
    saved = store.checkpoints.get(run_id, "best")
    assert (saved.step, saved.epoch) == (expected.position.step, expected.position.epoch)
    assert_same_weights(Checkpoint.from_bytes(saved.data), expected)


@both_databases
@pytest.mark.parametrize("how", [{}, {"slice_seconds": 1e-9, "checkpoint_seconds": 1e-9}], ids=["in one", "in slices"])
def test_the_best_is_kept(how: dict[str, float], store: Store, database_url: str, settings: Settings) -> None:
    queue(store, **WORSENING)
    train_all(store, worker_settings(database_url, settings.data_dir, **how))
    run_id = only_run(store)
    assert_as_trained_in_one_go(store, run_id)
    assert_the_best_is_kept(store, run_id)
    assert len(store.checkpoints.list(run_id)) == 2


def test_the_best_is_found_again_by_who_takes_over(store: Store, settings: Settings) -> None:
    """The first worker loses the run after some epochs; epochs that it had not recorded are repeated, with the best."""
    queue(store, **WORSENING)
    run_id = only_run(store)
    calls = at_call(14, lambda: take_away(store, run_id))
    train_slice(store, settings, calls)
    expire(store, run_id)
    store.reaper.reap()
    train_all(store, settings)
    assert_as_trained_in_one_go(store, run_id)
    assert_the_best_is_kept(store, run_id)


def test_each_member_of_a_pack_keeps_its_own(store: Store, settings: Settings) -> None:
    queue(store, SPEC | {"repeats": 3}, **WORSENING)
    claim = store.claims.claim("worker")
    assert claim is not None
    Slice(store, settings, claim, lambda: False, pack_size=lambda *_, **__: 3).run()
    runs = store.runs.list().items
    assert [run.state for run in runs] == [State.SUCCEEDED] * 3
    for run in runs:
        best = min(evaluations(run.spec), key=lambda event: event.validation_loss)
        assert store.checkpoints.find(run.id, "best").step == best.position.step


def test_a_run_that_diverges_keeps_what_was_best(store: Store, settings: Settings) -> None:
    queue(store, optimizer={"kind": "sgd", "lr": 10, "weight_decay": 1}, epochs=50, keep_best=True)
    train_all(store, settings)
    run = store.runs.get(only_run(store))
    assert run.state is State.FAILED
    lowest = min((row.validation_loss or inf, row.step) for row in store.metrics.list(run.id))
    saved = store.checkpoints.get(run.id, "best")
    assert saved.step == lowest[1]
    assert Checkpoint.from_bytes(saved.data).weights_sha256() == run.weights_sha256
