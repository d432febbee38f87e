"""An interrupted run is stored so that any worker can continue it, and only its owner stores it."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gatelab.checkpoint import Checkpoint
from gatelab.settings import Settings
from gatelab.store import Report, State, Store
from gatelab.store.tables import metadata
from gatelab.training import Pack
from gatelab.training.pack import News
from gatelab.wire.events import Progress
from tests.databases import migrate
from tests.store.conftest import claimed, expire
from tests.waiting import retry_at_once
from tests.worker.conftest import (
    SPEC,
    TEXT,
    assert_as_trained_in_one_go,
    at_call,
    both_databases,
    only_run,
    queue,
    take_away,
    train_all,
    train_slice,
    worker_settings,
)
from worker import cadence
from worker import slice as slices


@pytest.fixture
def settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A worker that records every step, and so reads the flags between any two steps."""
    monkeypatch.setattr(cadence, "CHECKPOINT_SHARE", 0)
    return worker_settings(database_url, tmp_path, checkpoint_seconds=1e-9)


def contents(store: Store) -> dict[str, int | tuple[Any, ...]]:
    """Table -> its number of rows, and the run's row."""
    with store.database.read() as connection:
        rows = {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }
        [run] = connection.execute(select(metadata.tables["runs"])).all()
    return rows | {"run": tuple(run)}


@both_databases
def test_a_job_is_cancelled_between_two_steps(store: Store, settings: Settings) -> None:
    job = queue(store)
    # The fourth call comes after the third step, and the flag is read after the next one.
    train_slice(store, settings, at_call(4, lambda: not store.jobs.cancel(job)))
    run = store.runs.get(only_run(store))
    assert (run.state, run.step) == (State.CANCELLED, 4)
    assert store.checkpoints.find(run.id).step == 4
    assert train_all(store, settings) == 0


@both_databases
def test_a_cancelled_grid_stops_within_a_step_and_keeps_what_has_ended(store: Store, settings: Settings) -> None:
    """The first of four runs has succeeded, the second is being trained, and the others wait."""
    job = queue(store, SPEC | {"grid": {"model.cell.hidden": [3, 4, 5, 6]}})
    first, second, *others = (run.id for run in store.runs.list(job_id=job).items)
    train_slice(store, settings)
    train_slice(store, settings, at_call(4, lambda: not store.jobs.cancel(job)))
    assert train_all(store, settings) == 0
    assert_as_trained_in_one_go(store, first)
    assert [store.runs.get(id).state for id in (second, *others)] == [State.CANCELLED] * 3
    # The fourth call comes after the third step, and the flag is read after the next one.
    assert store.runs.get(second).step == store.checkpoints.find(second).step == 4
    assert [store.runs.get(id).attempt for id in others] == [0, 0]


@both_databases
def test_a_paused_job_goes_on_as_if_nothing_had_been(store: Store, settings: Settings) -> None:
    job = queue(store)
    train_slice(store, settings, at_call(6, lambda: not store.jobs.pause(job)))
    run = store.runs.get(only_run(store))
    assert (run.state, run.step) == (State.PAUSED, 5), "the first evaluation lies between"
    assert train_all(store, settings) == 0
    store.jobs.resume(job)
    assert train_all(store, settings) == 1
    assert_as_trained_in_one_go(store, run.id)


@both_databases
@pytest.mark.parametrize("call", [1, 2, 5, 6, 13])
def test_a_worker_that_is_stopped_leaves_its_run_to_others(call: int, store: Store, settings: Settings) -> None:
    queue(store)
    train_slice(store, settings, at_call(call, lambda: True))
    run = store.runs.get(only_run(store))
    assert (run.state, run.owner) == (State.QUEUED, None)
    assert store.checkpoints.find(run.id).step == run.step
    train_all(store, settings)
    assert_as_trained_in_one_go(store, run.id)


@both_databases
def test_a_zombie_writes_nothing_more(store: Store, settings: Settings) -> None:
    queue(store)
    mine = claimed(store, "zombie")
    seen: list[Any] = []

    def lose() -> bool:
        seen.extend([take_away(store, mine.run_id), contents(store)])
        return False

    train_slice(store, settings, at_call(4, lose), mine)
    other, before = seen
    assert contents(store) == before
    train_slice(store, settings, claim=other)
    assert_as_trained_in_one_go(store, other.run_id)


def test_a_zombie_of_a_run_that_has_ended_writes_nothing_more(store: Store, settings: Settings) -> None:
    queue(store)
    mine = claimed(store, "zombie")
    seen: list[Any] = []

    def lose() -> bool:
        train_slice(store, settings, claim=take_away(store, mine.run_id))
        seen.append(contents(store))
        return True

    train_slice(store, settings, at_call(4, lose), mine)
    assert [contents(store)] == seen
    assert_as_trained_in_one_go(store, mine.run_id)


def test_a_zombie_s_fault_is_not_the_run_s(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    queue(store)
    mine = claimed(store, "zombie")

    class Broken(Pack):
        def round(self) -> News:
            store.claims.release(take_away(store, mine.run_id))
            raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(slices, "Pack", Broken)
        train_slice(store, settings, claim=mine)
    run = store.runs.get(mine.run_id)
    assert (run.state, run.error) == (State.QUEUED, None)
    train_all(store, settings)
    assert_as_trained_in_one_go(store, mine.run_id)


def test_a_run_survives_a_database_that_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    retry_at_once(monkeypatch)
    folder = tmp_path / "data"
    settings = worker_settings(f"sqlite:///{folder}/gatelab.db", folder)
    away = folder.with_name("away")

    def pull_the_plug() -> bool:
        store.close()
        folder.rename(away)
        return True

    migrate(settings)
    with Store(settings) as store:
        store.corpora.add("wells", TEXT)
        queue(store)
        mine = train_slice(store, settings, at_call(3, pull_the_plug))
        away.rename(folder)
        assert store.runs.get(mine.run_id).state == State.RUNNING, "the worker could not report it"
        expire(store, mine.run_id)
        assert store.reaper.reap() == [mine.run_id]
        train_all(store, settings)
        assert_as_trained_in_one_go(store, mine.run_id)


def test_a_crashed_worker_s_rows_are_done_again(store: Store, settings: Settings) -> None:
    """The steps after the last checkpoint are lost with the worker, and are repeated with the same result."""
    queue(store)
    first = train_slice(store, settings, at_call(9, lambda: True))
    again = claimed(store)
    store.claims.record(again, Report(step=11, epoch=2, events=[Progress(step=11)]))
    expire(store, first.run_id)
    store.reaper.reap()
    assert Checkpoint.from_bytes(store.checkpoints.get(first.run_id).data).position.step < 11
    train_all(store, settings)
    assert_as_trained_in_one_go(store, first.run_id)
