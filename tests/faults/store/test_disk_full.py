"""On a full disk, nothing refers to a half-written file, and the run continues once there is space.

The kernel's limit on the size of files stands in for a full disk: a write beyond it fails as it does there.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from gatelab.errors import Unavailable
from gatelab.settings import Settings
from gatelab.store import FINISHED, Claim, Report, State, Store
from gatelab.wire.evaluations import Evaluation
from tests.faults.store.checks import check_history
from tests.store.conftest import claimed, expire
from tests.waiting import retry_at_once
from tests.worker.conftest import TEXT, assert_as_trained_in_one_go, at_call, queue, train_all, train_slice
from worker import cadence

MEGABYTE = 2**20
ROOM = 2 * MEGABYTE
SMALL, LARGE = b"small" * 100, b"large" * MEGABYTE


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files(settings: Settings) -> list[Path]:
    return sorted(path for path in settings.blob_dir.rglob("*") if path.is_file())


def report(step: int, checkpoint: bytes) -> Report:
    return Report(step=step, epoch=0, metrics=[Evaluation(step=step, epoch=0)], checkpoint=checkpoint)


def test_a_file_that_does_not_fit_leaves_no_trace(
    store: Store, settings: Settings, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry_at_once(monkeypatch)
    store.claims.record(claim, report(1, SMALL))
    before = files(settings)
    with no_file_larger_than(ROOM), pytest.raises(Unavailable):
        store.claims.record(claim, report(2, LARGE))
    assert files(settings) == before, "nothing half-written is left, not even for the moment"
    assert (store.runs.get(claim.run_id).step, len(store.metrics.list(claim.run_id))) == (1, 1)
    assert store.checkpoints.get(claim.run_id).data == SMALL
    store.claims.record(claim, report(2, LARGE))
    assert store.checkpoints.get(claim.run_id).data == LARGE


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_row_that_does_not_fit_leaves_no_trace(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    retry_at_once(monkeypatch)
    inline = settings.model_copy(update={"inline_checkpoint_bytes": 2 * len(LARGE)})
    with Store(inline) as store:
        store.corpora.add("wells", TEXT)
        queue(store)
        claim = claimed(store)
        store.claims.record(claim, report(1, SMALL))
        with no_file_larger_than(ROOM), pytest.raises(Unavailable):
            store.claims.record(claim, report(2, LARGE))
        assert (store.runs.get(claim.run_id).step, len(store.metrics.list(claim.run_id))) == (1, 1)
        with store.database.read() as connection:
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
        store.claims.record(claim, report(2, LARGE))
        assert store.checkpoints.get(claim.run_id).data == LARGE


def test_a_run_survives_a_disk_that_is_full_for_a_while(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry_at_once(monkeypatch)
    monkeypatch.setattr(cadence, "CHECKPOINT_SHARE", 0)
    # If SQLite is on that disk, too, no write of the worker succeeds; with PostgreSQL, all but the checkpoints do.
    changes = {"inline_checkpoint_bytes": 0, "checkpoint_seconds": 1e-9, "device": "cpu", "threads": 1}
    settings = settings.model_copy(update=changes)
    store.corpora.add("wells", TEXT)
    job = queue(store)
    claim = train_slice(store, settings, at_call(5, lambda: True))
    before, kept = store.runs.get(claim.run_id), files(settings)
    second = claimed(store)
    with no_file_larger_than(1024):
        train_slice(store, settings, claim=second)
    after = store.runs.get(claim.run_id)
    assert (after.step, after.error, files(settings)) == (before.step, None, kept)
    if store.database.path is not None:
        assert after.state is State.RUNNING, "the worker could not report it"
        expire(store, claim.run_id)
        assert store.reaper.reap() == [claim.run_id]
    assert store.runs.get(claim.run_id).state is State.QUEUED
    train_all(store, settings)
    assert store.runs.get(claim.run_id).state in FINISHED
    assert_as_trained_in_one_go(store, claim.run_id)
    check_history(store, job)
