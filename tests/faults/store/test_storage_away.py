"""A run waits for missing storage, or repeats its work, and this does not count as a crash."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from gatelab.errors import CorruptCorpus
from gatelab.settings import Settings
from gatelab.store import State, Store
from gatelab.store.clock import now
from gatelab.store.tables import corpora, runs
from tests.faults.store.checks import check_history
from tests.store.conftest import claimed
from tests.waiting import retry_at_once
from tests.worker.conftest import TEXT, assert_as_trained_in_one_go, at_call, only_run, queue, train_all, train_slice
from worker import cadence
from worker.child import Child


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A worker that saves a checkpoint in a file after every step."""
    monkeypatch.setattr(cadence, "CHECKPOINT_SHARE", 0)
    retry_at_once(monkeypatch)
    changes = {"inline_checkpoint_bytes": 0, "checkpoint_seconds": 1e-9, "device": "cpu", "threads": 1}
    return settings.model_copy(update=changes)


@pytest.fixture
def run(store: Store, settings: Settings) -> str:
    """A run whose worker has left it after step 6."""
    store.corpora.add("wells", TEXT)
    queue(store)
    train_slice(store, settings, at_call(8, lambda: True))
    return only_run(store)


def unmount(settings: Settings) -> Callable[[], None]:
    """Remove the checkpoints like a lost network disk, and leave an empty folder. Returns what restores them."""
    away = settings.blob_dir.rename(settings.data_dir / "away")
    settings.blob_dir.mkdir()

    def mount() -> None:
        settings.blob_dir.rmdir()  # refuses if anything was put there
        away.rename(settings.blob_dir)

    return mount


def take_away(settings: Settings) -> Callable[[], None]:
    """Remove the whole folder."""
    away = settings.blob_dir.rename(settings.data_dir / "away")

    def bring_back() -> None:
        assert not settings.blob_dir.exists(), "nothing was put in its place"
        away.rename(settings.blob_dir)

    return bring_back


def crashes(store: Store, run: str) -> int:
    with store.database.read() as connection:
        return int(connection.execute(select(runs.c.crash_count).where(runs.c.id == run)).scalar_one())


@pytest.mark.parametrize("remove", [unmount, take_away])
def test_a_run_waits_for_its_checkpoints_as_long_as_they_are_away(
    store: Store, settings: Settings, run: str, remove: Callable[[Settings], Callable[[], None]]
) -> None:
    before, bring_back = store.runs.get(run), remove(settings)
    for _ in range(settings.max_crashes + 1):
        train_slice(store, settings)
        after = store.runs.get(run)
        assert (after.state, after.step, after.error) == (State.QUEUED, before.step, None)
        assert crashes(store, run) == 0
    bring_back()
    train_all(store, settings)
    assert store.runs.get(run).state is State.SUCCEEDED
    assert_as_trained_in_one_go(store, run)
    check_history(store, store.runs.get(run).job_id)


@pytest.mark.parametrize("remove", [unmount, take_away])
def test_checkpoints_that_go_while_a_run_trains_are_waited_for(
    store: Store, settings: Settings, run: str, remove: Callable[[Settings], Callable[[], None]]
) -> None:
    bring_back: list[Callable[[], None]] = []

    def go() -> bool:
        bring_back.append(remove(settings))
        return False

    train_slice(store, settings, at_call(2, go))
    assert (store.runs.get(run).state, crashes(store, run)) == (State.QUEUED, 0)
    [back] = bring_back
    back()
    train_all(store, settings)
    assert_as_trained_in_one_go(store, run)


def test_a_new_run_makes_no_folder_where_that_of_others_is_away(store: Store, settings: Settings, run: str) -> None:
    mount = unmount(settings)
    [new] = [each.id for each in store.runs.list(job_id=queue(store)).items]
    for _ in range(2):
        train_slice(store, settings)
    mount()
    train_all(store, settings)
    for each in (run, new):
        assert_as_trained_in_one_go(store, each)


def test_others_have_their_turn_while_a_run_waits(store: Store, settings: Settings, run: str) -> None:
    unmount(settings)
    inline = settings.model_copy(update={"inline_checkpoint_bytes": 10**6})
    [other] = [each.id for each in store.runs.list(job_id=queue(store)).items]
    child = Child(inline, lambda: None)
    try:
        for _ in range(2):  # it ends its work each time, to come back soon
            child.work()
    finally:
        child.store.close()
    assert (store.runs.get(run).state, crashes(store, run)) == (State.QUEUED, 0)
    assert store.runs.get(other).state is State.SUCCEEDED


def test_a_missing_file_falls_back_as_a_damaged_one_does(store: Store, settings: Settings, run: str) -> None:
    for file in settings.blob_dir.rglob("*-6-*"):
        file.unlink()
    assert store.checkpoints.get(run).step == 5
    train_all(store, settings)
    assert_as_trained_in_one_go(store, run)


def test_a_run_whose_files_are_all_missing_begins_again(store: Store, settings: Settings, run: str) -> None:
    for file in Path(settings.blob_dir, run).iterdir():
        file.unlink()
    train_all(store, settings)
    assert_as_trained_in_one_go(store, run)


def test_a_lease_from_before_the_clock_was_set_back_is_over(store: Store, settings: Settings, run: str) -> None:
    claim = claimed(store)
    assert store.reaper.reap() == [], "the worker is alive"
    with store.database.write() as connection:
        connection.execute(update(runs).where(runs.c.id == run).values(lease_until=now() + 7200.0))
    assert store.reaper.reap() == [claim.run_id]


def test_nothing_is_trained_on_a_text_that_was_changed(store: Store, settings: Settings, run: str) -> None:
    with store.database.write() as connection:
        connection.execute(update(corpora).values(text=TEXT.replace("time", "tame").encode()))
    train_slice(store, settings)
    failed = store.runs.get(run)
    assert failed.error is not None
    assert (failed.state, failed.error.type) == (State.FAILED, "corrupt-corpus")
    [corpus] = store.corpora.list().items
    with pytest.raises(CorruptCorpus, match="wells"):
        store.corpora.text(corpus.id)
