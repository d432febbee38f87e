"""Deleting removes rows, files and everything in between, whenever a process dies, and nothing else."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from gatelab.errors import LeaseLost
from gatelab.settings import Settings
from gatelab.store import Claim, Job, Report, State, Store, jobs
from gatelab.store.backup.snapshot import FOLDER, staging
from gatelab.store.tables import deleted_runs
from tests.store.conftest import INLINE_BYTES, at_once, claimed, expire

LARGE = b"l" * (INLINE_BYTES + 1)


class Killed(BaseException):
    """Stands for kill -9: nothing after it is executed."""


def save(store: Store, claim: Claim, step: int, **report: object) -> None:
    data = LARGE + step.to_bytes(8, "big")
    store.claims.record(claim, Report(step=step, epoch=step, checkpoint=data, **report))  # type: ignore[arg-type]


def files(settings: Settings) -> list[str]:
    return sorted(path.name.rsplit("-", 1)[0] for path in settings.blob_dir.rglob("*") if path.is_file())


def die(*_: object) -> None:
    raise Killed


@pytest.fixture
def ended(store: Store, claim: Claim) -> Claim:
    """The claim of a run that has succeeded, with a large checkpoint."""
    save(store, claim, 1, next_state=State.SUCCEEDED)
    return claim


# -- Deleted ----------------------------------------------------------------------------------------------------------


def test_a_process_that_dies_behind_the_commit_leaves_its_files_to_the_sweeper(
    store: Store, ended: Claim, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(store.jobs._blobs, "drop", die)
        with pytest.raises(Killed):
            store.jobs.delete(ended.job_id)
    assert store.jobs.list().items == []
    assert files(settings) == ["1-1"]
    assert store.sweeper.sweep() == 1
    assert files(settings) == []
    assert store.sweeper.sweep() == 0


def test_a_process_that_dies_before_the_commit_deletes_nothing(
    store: Store, ended: Claim, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(jobs, "insert", die)
        with pytest.raises(Killed):
            store.jobs.delete(ended.job_id)
    assert store.sweeper.sweep() == 0
    assert store.checkpoints.get(ended.run_id).step == 1


def test_a_zombie_s_file_goes_though_its_run_is_gone(
    store: Store, claim: Claim, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker was stopped while its run was cancelled and deleted. It continues, writes its file and is killed."""
    expire(store, claim.run_id)
    store.jobs.cancel(claim.job_id)
    store.reaper.reap()
    store.jobs.delete(claim.job_id)
    monkeypatch.setattr(store.claims, "_sweep", die)
    with pytest.raises((Killed, LeaseLost)):
        save(store, claim, 1)
    assert files(settings) == ["1-1"]
    assert store.sweeper.sweep() == 1
    assert files(settings) == []


def test_deletions_are_forgotten_after_a_day(store: Store, ended: Claim) -> None:
    def remembered() -> list[str]:
        with store.database.read() as connection:
            return list(connection.scalars(select(deleted_runs.c.run_id)))

    store.jobs.delete(ended.job_id)
    store.sweeper.sweep()
    assert remembered() == [ended.run_id]
    with store.database.write() as connection:
        connection.execute(update(deleted_runs).values(deleted_at=deleted_runs.c.deleted_at - 25 * 3600))
    store.sweeper.sweep()
    assert remembered() == []


# -- Never referred to, or no longer --------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.QUEUED, State.SUCCEEDED, State.FAILED])
def test_what_a_killed_worker_had_not_committed_is_deleted(
    store: Store, claim: Claim, settings: Settings, state: State
) -> None:
    save(store, claim, 1, next_state=state)
    folder = settings.blob_dir / claim.run_id
    for orphan in (f"1-2-{'0' * 64}", f"1-2-{'1' * 64}.tmp"):
        (folder / orphan).write_bytes(b"orphan")
    assert store.sweeper.sweep() == 2
    assert files(settings) == ["1-1"]
    assert store.checkpoints.get(claim.run_id).step == 1


def test_pruned_files_that_outlived_a_crash_are_deleted(
    store: Store, claim: Claim, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(store, claim, 1, keep_checkpoints=1)
    monkeypatch.setattr(store.claims, "_sweep", lambda _: None)
    save(store, claim, 2, keep_checkpoints=1, next_state=State.SUCCEEDED)
    assert files(settings) == ["1-1", "1-2"]
    assert store.sweeper.sweep() == 1
    assert files(settings) == ["1-2"]


# -- Left alone -------------------------------------------------------------------------------------------------------


def test_what_a_running_worker_may_be_about_to_commit_is_left_alone(
    store: Store, claim: Claim, settings: Settings
) -> None:
    save(store, claim, 1)
    written = settings.blob_dir / claim.run_id / f"1-2-{'0' * 64}"
    written.write_bytes(b"about to be committed")
    assert store.sweeper.sweep() == 0
    expire(store, claim.run_id)
    store.reaper.reap()
    claimed(store)
    assert store.sweeper.sweep() == 1, "the next owner has another token"
    assert files(settings) == ["1-1"]


def test_what_the_database_does_not_know_is_left_alone(store: Store, ended: Claim, settings: Settings) -> None:
    stranger = settings.blob_dir / "run-of-another-database" / f"1-1-{'0' * 64}"
    stranger.parent.mkdir()
    stranger.write_bytes(b"?")
    (settings.blob_dir / "notes.txt").write_text("somebody's")
    assert store.sweeper.sweep() == 0
    assert stranger.exists()


def sweep_until(over: threading.Event, settings: Settings) -> None:
    with Store(settings) as store:
        while not over.is_set():
            store.sweeper.sweep()


def work(settings: Settings) -> None:
    """Eight slices: after three of them the job is deleted, after the others the run is queued again."""
    with Store(settings) as store:
        for number in range(8):
            claim = claimed(store)
            for step in range(claim.step + 1, claim.step + 4):
                save(store, claim, step, keep_checkpoints=1 + step % 2)
                assert store.checkpoints.get(claim.run_id).data == LARGE + step.to_bytes(8, "big")
            save(store, claim, step + 1, next_state=State.QUEUED if number % 3 else State.SUCCEEDED)
            if number % 3 == 0:
                store.jobs.delete(claim.job_id)


def test_no_sweeper_takes_a_file_from_a_commit(store: Store, new_job: Callable[..., Job], settings: Settings) -> None:
    """Four workers record, finish, delete and start again while two sweepers never stop."""
    for _ in range(16):
        new_job()
    over = threading.Event()
    sweepers = [threading.Thread(target=sweep_until, args=(over, settings)) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    try:
        at_once([lambda: work(settings)] * 4)
    finally:
        over.set()
        for sweeper in sweepers:
            sweeper.join()
    left = [run.id for run in store.runs.list().items]
    assert len(left) == 4
    found = {id: [store.checkpoints.get(id, info.step) for info in store.checkpoints.list(id)] for id in left}
    store.sweeper.sweep()
    referred = {run_id for run_id, checkpoints in found.items() if checkpoints}
    assert {path.name for path in settings.blob_dir.iterdir() if any(path.iterdir())} == referred


# -- What a backup left, and what SQLite keeps --------------------------------------------------------------------


def test_what_a_killed_backup_left_does_not_outlive_the_deletion(
    store: Store, ended: Claim, settings: Settings
) -> None:
    left = settings.data_dir / FOLDER / "link"
    left.parent.mkdir()
    left.write_bytes(LARGE)
    store.sweeper.sweep()
    assert not left.parent.exists()
    with staging(settings.data_dir) as folder:
        store.sweeper.sweep()
        assert folder.exists(), "a backup that is being made is left alone"


SECRET = "what nobody is to read again "


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_deleted_text_is_in_no_file(store: Store, settings: Settings) -> None:
    store.corpora.add("kept", "other text " * 500)
    store.corpora.add("secret", SECRET * 500)
    assert SECRET.encode() in everything_in(settings.data_dir)
    store.corpora.delete("secret")
    assert SECRET.encode() not in everything_in(settings.data_dir)
    assert b"other text other text" in everything_in(settings.data_dir)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_text_deleted_while_somebody_reads_goes_with_the_next_sweep(store: Store, settings: Settings) -> None:
    store.corpora.add("secret", SECRET * 500)
    reader = sqlite3.connect(settings.data_dir / "gatelab.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM corpora").fetchone()
    store.corpora.delete("secret")
    assert SECRET.encode() in everything_in(settings.data_dir), "the reader may still need it"
    reader.close()
    store.sweeper.sweep()
    assert SECRET.encode() not in everything_in(settings.data_dir)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_deleted_job_is_in_no_file(store: Store, claim: Claim, settings: Settings) -> None:
    secret = b"weights that nobody is to read again"
    store.claims.record(claim, Report(step=1, epoch=1, checkpoint=secret, next_state=State.SUCCEEDED))
    assert secret in everything_in(settings.data_dir)
    store.jobs.delete(claim.job_id)
    assert secret not in everything_in(settings.data_dir)
    assert claim.run_id.encode() in everything_in(settings.data_dir), "the sweeper remembers its name for a day"
