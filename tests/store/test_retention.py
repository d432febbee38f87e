"""The checkpoints that are kept: a number of latest ones, and the best one if the spec asks for it."""

from pathlib import Path

import pytest

from gatelab.errors import LeaseLost, NoCheckpoint, NotFound
from gatelab.settings import Settings
from gatelab.store import Best, Claim, Report, State, Store
from gatelab.wire.evaluations import Evaluation
from tests.store.conftest import INLINE_BYTES, expire

LARGE = INLINE_BYTES + 1


def bytes_of(step: int, size: int = LARGE) -> bytes:
    return step.to_bytes(8, "big") + bytes(size)


def record(
    store: Store, claim: Claim, step: int, loss: float | None = None, *, keep: int = 1, best: bool = True
) -> None:
    """A record with a checkpoint, and with an evaluation if a loss is given."""
    metrics = [] if loss is None else [Evaluation(step=step, epoch=step, validation_loss=loss)]
    store.claims.record(
        claim,
        Report(
            step=step, epoch=step, metrics=metrics, checkpoint=bytes_of(step), keep_checkpoints=keep, keep_best=best
        ),
    )


def kept(store: Store, claim: Claim) -> list[int]:
    return [info.step for info in store.checkpoints.list(claim.run_id)]


def files(settings: Settings) -> list[Path]:
    return sorted(path for path in settings.blob_dir.rglob("*") if path.is_file())


def test_the_best_stays_however_old(store: Store, claim: Claim, settings: Settings) -> None:
    for step, loss in enumerate((3.0, 1.0, 2.0, 2.5, 1.5), 1):
        record(store, claim, step, loss, keep=2)
    assert kept(store, claim) == [2, 4, 5]
    assert len(files(settings)) == 3
    assert store.checkpoints.get(claim.run_id, "best").data == bytes_of(2)


def test_a_better_one_takes_its_place(store: Store, claim: Claim, settings: Settings) -> None:
    for step, loss in enumerate((3.0, 1.0, 2.0, 0.5, 0.7), 1):
        record(store, claim, step, loss)
    assert kept(store, claim) == [4, 5]
    assert len(files(settings)) == 2


def test_of_equals_the_first_is_the_best(store: Store, claim: Claim) -> None:
    for step in (1, 2, 3):
        record(store, claim, step, 1.0)
    assert kept(store, claim) == [1, 3]


def test_only_evaluations_are_good_or_bad(store: Store, claim: Claim) -> None:
    for step, loss in enumerate((None, float("nan"), None, 2.0, None, float("inf"), None), 1):
        record(store, claim, step, loss)
    assert kept(store, claim) == [4, 7]


def test_without_being_asked_for_the_best_goes(store: Store, claim: Claim) -> None:
    for step, loss in enumerate((1.0, 2.0, 3.0), 1):
        record(store, claim, step, loss, keep=2, best=False)
    assert kept(store, claim) == [2, 3]
    assert store.checkpoints.find(claim.run_id, "best").step == 2, "of those that are kept"


def test_the_best_may_be_between_two_records(store: Store, claim: Claim, settings: Settings) -> None:
    record(store, claim, 1, 3.0)
    metrics = [Evaluation(step=step, epoch=step, validation_loss=loss) for step, loss in ((2, 2.0), (3, 1.0), (4, 2.5))]
    report = Report(
        step=5, epoch=4, metrics=metrics, checkpoint=bytes_of(5), keep_checkpoints=1, keep_best=True,
        best=Best(3, 3, bytes_of(3)),
    )  # fmt: skip
    store.claims.record(claim, report)
    assert kept(store, claim) == [3, 5]
    best = store.checkpoints.get(claim.run_id, "best")
    assert (best.step, best.epoch, best.data) == (3, 3, bytes_of(3))
    assert store.checkpoints.get(claim.run_id).step == 5
    assert len(files(settings)) == 2


def test_a_run_that_fails_keeps_its_best(store: Store, claim: Claim) -> None:
    record(store, claim, 1, 3.0)
    metrics = [Evaluation(step=2, epoch=2, validation_loss=1.0)]
    best = Best(2, 2, bytes_of(2))
    store.claims.record(
        claim, Report(step=3, epoch=2, metrics=metrics, keep_best=True, best=best, next_state=State.FAILED)
    )
    assert store.checkpoints.get(claim.run_id, "best").data == bytes_of(2)


def test_a_lost_lease_leaves_no_best(store: Store, claim: Claim, settings: Settings) -> None:
    record(store, claim, 1, 3.0)
    expire(store, claim.run_id)
    store.reaper.reap()
    metrics = [Evaluation(step=2, epoch=2, validation_loss=1.0)]
    report = Report(step=3, epoch=2, metrics=metrics, checkpoint=bytes_of(3), best=Best(2, 2, bytes_of(2)))
    with pytest.raises(LeaseLost):
        store.claims.record(claim, report)
    assert kept(store, claim) == [1]
    assert len(files(settings)) == 1


def test_what_has_no_best_is_told_apart(store: Store, claim: Claim) -> None:
    with pytest.raises(NoCheckpoint):
        store.checkpoints.get(claim.run_id, "best")
    record(store, claim, 1)
    with pytest.raises(NotFound, match="@best"):
        store.checkpoints.get(claim.run_id, "best")
    with pytest.raises(NotFound, match="run"):
        store.checkpoints.find("none", "best")
