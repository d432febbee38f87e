from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from gatelab.errors import CorruptCheckpoint, LeaseLost, NoCheckpoint, NotFound, Unavailable
from gatelab.settings import Settings
from gatelab.store import Claim, Job, Report, State, Store
from gatelab.store.tables import checkpoints
from gatelab.wire.evaluations import Evaluation
from tests.store.conftest import INLINE_BYTES, claimed, expire
from tests.waiting import retry_at_once

SMALL = b"s" * INLINE_BYTES
LARGE = b"l" * (INLINE_BYTES + 1)


@pytest.fixture
def blobs(settings: Settings) -> Callable[[], list[Path]]:
    """A function that lists all files of large checkpoints."""
    return lambda: sorted(path for path in settings.blob_dir.rglob("*") if path.is_file())


def save(store: Store, claim: Claim, step: int, data: bytes = LARGE, keep: int = 3) -> None:
    store.claims.record(claim, Report(step=step, epoch=step, checkpoint=data, keep_checkpoints=keep))


@pytest.mark.parametrize(("data", "files"), [(b"", 0), (SMALL, 0), (LARGE, 1)])
def test_a_checkpoint_comes_back_from_its_row_or_file(
    store: Store, claim: Claim, blobs: Callable[[], list[Path]], data: bytes, files: int
) -> None:
    save(store, claim, 7, data)
    checkpoint = store.checkpoints.get(claim.run_id)
    assert (checkpoint.step, checkpoint.epoch, checkpoint.data) == (7, 7, data)
    [info] = store.checkpoints.list(claim.run_id)
    assert (info.step, info.size, info.sha256) == (7, len(data), checkpoint.sha256)
    assert store.checkpoints.find(claim.run_id, 7) == info
    assert len(blobs()) == files


def test_a_checkpoint_is_asked_for_by_step(store: Store, claim: Claim) -> None:
    for step in (1, 2):
        save(store, claim, step, LARGE + bytes([step]))
    assert store.checkpoints.get(claim.run_id, 1).data == LARGE + b"\1"
    assert store.checkpoints.get(claim.run_id).step == store.checkpoints.find(claim.run_id).step == 2


def test_without_an_evaluation_auto_is_the_latest(store: Store, claim: Claim) -> None:
    for step in (1, 2):
        save(store, claim, step, LARGE + bytes([step]))
    assert store.checkpoints.get(claim.run_id, "auto").step == 2
    assert store.checkpoints.find(claim.run_id, "auto").step == 2


@pytest.mark.parametrize(("losses", "best"), [({1: 2.0, 2: 1.0, 3: 1.0}, 2), ({1: 1.0, 3: 2.0}, 1), ({2: None}, None)])
def test_the_best_is_the_first_of_the_lowest_validation_loss(
    store: Store, claim: Claim, losses: dict[int, float | None], best: int | None
) -> None:
    for step in (1, 2, 3):
        found = [Evaluation(step=step, epoch=1, validation_loss=losses[step])] if step in losses else []
        data = LARGE + bytes([step])
        store.claims.record(claim, Report(step=step, epoch=1, checkpoint=data, keep_checkpoints=3, metrics=found))
    for ask in (store.checkpoints.get, store.checkpoints.find):
        assert ask(claim.run_id, "auto").step == (best or 3)
        if best is not None:
            assert ask(claim.run_id, "best").step == best
        else:
            with pytest.raises(NotFound, match="best"):
                ask(claim.run_id, "best")


def test_what_is_not_there_is_told_apart(store: Store, claim: Claim) -> None:
    for ask in (store.checkpoints.get, store.checkpoints.find):
        with pytest.raises(NoCheckpoint):
            ask(claim.run_id)
        with pytest.raises(NotFound, match="run"):
            ask("none")
    save(store, claim, 1)
    for ask in (store.checkpoints.get, store.checkpoints.find):
        with pytest.raises(NotFound, match="checkpoint"):
            ask(claim.run_id, 2)


def test_the_latest_checkpoints_stay(store: Store, claim: Claim, blobs: Callable[[], list[Path]]) -> None:
    for step in range(1, 6):
        save(store, claim, step, LARGE if step % 2 else SMALL, keep=2)
    assert [info.step for info in store.checkpoints.list(claim.run_id)] == [4, 5]
    assert len(blobs()) == 1


def test_a_step_may_be_saved_again(store: Store, claim: Claim, blobs: Callable[[], list[Path]]) -> None:
    for data in (LARGE, LARGE, LARGE + b"!"):
        save(store, claim, 1, data)
    assert store.checkpoints.get(claim.run_id).data == LARGE + b"!"
    assert len(blobs()) == 1


def test_two_runs_with_equal_bytes_do_not_share_a_file(
    store: Store, new_job: Callable[..., Job], blobs: Callable[[], list[Path]]
) -> None:
    jobs = [new_job(), new_job()]
    first, second = claimed(store), claimed(store)
    for claim in (first, second):
        save(store, claim, 1)
        store.claims.record(claim, Report(step=1, epoch=1, next_state=State.SUCCEEDED))
    assert len(blobs()) == 2
    store.jobs.delete(jobs[0].id)
    assert store.checkpoints.get(second.run_id).data == LARGE
    assert len(blobs()) == 1


def test_a_file_that_was_never_committed_is_deleted(
    store: Store, claim: Claim, blobs: Callable[[], list[Path]]
) -> None:
    save(store, claim, 1)
    expire(store, claim.run_id)
    store.reaper.reap()
    before = blobs()
    with pytest.raises(LeaseLost):
        save(store, claim, 2)
    assert blobs() == before


def test_a_worker_that_died_leaves_its_files_to_the_next(
    store: Store, claim: Claim, blobs: Callable[[], list[Path]]
) -> None:
    save(store, claim, 1)
    [file] = blobs()
    for orphan in (f"1-2-{'0' * 64}", f"1-2-{'1' * 64}.tmp"):
        (file.parent / orphan).write_bytes(b"orphan")
    expire(store, claim.run_id)
    store.reaper.reap()
    successor = claimed(store)
    save(store, successor, 2)
    assert [path.name.split("-")[:2] for path in blobs()] == [["1", "1"], ["2", "2"]]


def test_a_zombie_leaves_the_files_of_its_successor(
    store: Store, claim: Claim, blobs: Callable[[], list[Path]]
) -> None:
    save(store, claim, 1)
    expire(store, claim.run_id)
    store.reaper.reap()
    claimed(store)
    [file] = blobs()
    about_to_be_committed = file.parent / f"2-2-{'0' * 64}"
    about_to_be_committed.write_bytes(b"new")
    with pytest.raises(LeaseLost):
        save(store, claim, 2)
    assert blobs() == [file, about_to_be_committed]


def test_other_bytes_than_saved_are_noticed(store: Store, claim: Claim, blobs: Callable[[], list[Path]]) -> None:
    save(store, claim, 1)
    [file] = blobs()
    file.write_bytes(LARGE[:-1])
    with pytest.raises(CorruptCheckpoint):
        store.checkpoints.get(claim.run_id)
    save(store, claim, 2, SMALL)
    with store.database.write() as connection:
        connection.execute(update(checkpoints).where(checkpoints.c.step == 2).values(data=SMALL[:-1]))
    with pytest.raises(CorruptCheckpoint):
        store.checkpoints.get(claim.run_id)


def test_a_missing_file_is_no_corruption(store: Store, claim: Claim, blobs: Callable[[], list[Path]]) -> None:
    save(store, claim, 1)
    blobs()[0].unlink()
    with pytest.raises(Unavailable, match="missing"):
        store.checkpoints.get(claim.run_id)


def test_a_folder_that_refuses_is_unavailable_and_nothing_is_recorded(
    store: Store, claim: Claim, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry_at_once(monkeypatch)
    settings.blob_dir.write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        save(store, claim, 1)
    assert store.runs.get(claim.run_id).step == 0


def test_a_deleted_job_leaves_no_files(store: Store, claim: Claim, blobs: Callable[[], list[Path]]) -> None:
    save(store, claim, 1)
    store.claims.record(claim, Report(step=1, epoch=1, next_state=State.SUCCEEDED))
    store.jobs.delete(claim.job_id)
    assert blobs() == []
