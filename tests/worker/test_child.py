"""A worker's child works, polls, reaps and stops gracefully. It runs in this process, without a broker."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from gatelab.settings import Settings
from gatelab.store import FINISHED, State, Store
from gatelab.store.tables import runs
from gatelab.training import Pack
from gatelab.training.pack import News
from tests.store.conftest import claimed, expire
from tests.waiting import PATIENCE, eventually
from tests.worker.conftest import SPEC, only_run, queue, worker_settings
from worker import child as children
from worker import slice as slices
from worker.child import Child
from worker.stop_flag import SharedFlag

NEVER = 3600.0
SOON = 0.01


class Wakeups:
    """Counts the messages that would be sent. The first may fail, as with an absent broker."""

    def __init__(self) -> None:
        self.sent = 0
        self.broken = False

    def __call__(self) -> None:
        self.sent += 1
        if self.broken:
            self.broken = False
            raise ConnectionError("no broker")


@pytest.fixture
def wakeups() -> Wakeups:
    return Wakeups()


@pytest.fixture(autouse=True)
def stop_flag(monkeypatch: pytest.MonkeyPatch) -> SharedFlag:
    """A flag for the test. This process is not a child, so it must not die with the process that started the tests."""
    flag = SharedFlag()
    monkeypatch.setattr(children, "STOP", flag)
    monkeypatch.setattr(children, "die_with_parent", lambda: None)
    return flag


@pytest.fixture
def new_child(store: Store, database_url: str, settings: Settings, wakeups: Wakeups) -> Iterator[Any]:
    """A function that makes a child without duties, except for those whose interval is given."""
    made: list[Child] = []

    def make(**changes: float) -> Child:
        times = {f"{duty}_seconds": NEVER for duty in ("poll", "reaper", "rewake", "sweep")}
        made.append(Child(worker_settings(database_url, settings.data_dir, **times | changes), wakeups))
        return made[-1]

    yield make
    for child in made:
        child.stop()


def states(store: Store) -> list[str]:
    return [run.state.value for run in store.runs.list().items]


def test_work_trains_until_nothing_is_queued(store: Store, new_child: Any) -> None:
    queue(store, SPEC | {"repeats": 3})
    new_child(slice_seconds=1e-9).work()
    assert states(store) == ["succeeded"] * 3
    assert all(run.attempt > 1 for run in store.runs.list().items), "they took turns"


def test_work_without_work_returns(store: Store, new_child: Any) -> None:
    new_child().work()
    assert states(store) == []


def test_a_child_that_is_at_work_takes_up_nothing_else(
    store: Store, new_child: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(store, SPEC | {"repeats": 2})
    child = new_child(max_pack=1)
    seen: list[list[str]] = []

    class AsksMeanwhile(Pack):
        def start(self) -> News:
            child.work()
            other = threading.Thread(target=child.work)
            other.start()
            other.join()
            seen.append(states(store))
            return super().start()

    monkeypatch.setattr(slices, "Pack", AsksMeanwhile)
    child.work()
    assert seen == [["running", "queued"], ["succeeded", "running"]]


def test_work_ends_quietly_where_the_database_is_away(tmp_path: Path, wakeups: Wakeups) -> None:
    child = Child(worker_settings(f"sqlite:///{tmp_path}/missing/gatelab.db", tmp_path), wakeups)
    with capture_logs() as logs:
        child.work()
        child.work()
    assert [entry["event"] for entry in logs] == ["the database cannot be reached"] * 2, "it was tried twice"
    child.stop()


@pytest.mark.parametrize("wanted", [{"device": "cuda"}, {"device": "cpu", "engine": "triton"}], ids=["gpu", "engine"])
def test_a_worker_without_what_it_is_to_use_takes_no_run(
    wanted: dict[str, Any],
    store: Store,
    database_url: str,
    tmp_path: Path,
    wakeups: Wakeups,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    queue(store)
    child = Child(worker_settings(database_url, tmp_path, **wanted), wakeups)
    with capture_logs() as logs:
        child.work()
    child.stop()
    assert store.runs.get(only_run(store)).attempt == 0
    assert [entry["event"] for entry in logs] == ["this worker takes no runs"]


def test_an_idle_child_polls(store: Store, new_child: Any, wakeups: Wakeups) -> None:
    child = new_child(poll_seconds=SOON)
    child.start()
    for _ in range(2):
        queue(store)
        eventually(lambda: store.count_runs().runs[State.QUEUED] == 0, "the poller found the run")
        eventually(lambda: store.runs.list().items[-1].state in FINISHED, "it was trained")
    assert states(store) == ["succeeded", "succeeded"]
    assert wakeups.sent == 0


def test_a_child_takes_runs_from_silent_workers_and_wakes_others(
    store: Store, new_child: Any, wakeups: Wakeups
) -> None:
    queue(store)
    claim = claimed(store, "silent")
    expire(store, claim.run_id)
    new_child(reaper_seconds=SOON).start()
    eventually(lambda: wakeups.sent == 1, "the reaper woke a worker")
    assert states(store) == ["queued"]


def test_a_child_wakes_workers_for_runs_that_wait(store: Store, new_child: Any, wakeups: Wakeups) -> None:
    queue(store, SPEC | {"repeats": 3})
    with store.database.write() as connection:
        connection.execute(update(runs).values(woken_at=0.0))
    new_child(rewake_seconds=SOON).start()
    eventually(lambda: wakeups.sent >= 3, "each was announced again")


def test_a_duty_outlives_a_broker_that_is_away(store: Store, new_child: Any, wakeups: Wakeups) -> None:
    wakeups.broken = True
    new_child(reaper_seconds=SOON).start()
    for _ in range(2):
        wakeups.sent = 0
        queue(store)
        expire(store, claimed(store, "silent").run_id)
        eventually(lambda: wakeups.sent == 1, "the reaper did its duty")
        claimed(store, "somebody")


@pytest.mark.parametrize("how", ["stop", "flag"])
def test_a_child_that_is_to_leave_leaves_its_run_to_others(
    how: str, store: Store, new_child: Any, stop_flag: SharedFlag
) -> None:
    queue(store, epochs=100_000)
    child = new_child(poll_seconds=SOON)
    child.start()
    eventually(lambda: states(store) == ["running"], "the run was taken up")
    stop_flag.set() if how == "flag" else child.stop()
    eventually(lambda: states(store) == ["queued"], "it was given back")
    run = only_run(store)
    assert store.checkpoints.find(run).step == store.runs.get(run).step
    child.work()
    assert states(store) == ["queued"], "who leaves takes up nothing"


def test_a_child_that_has_stopped_has_stopped_its_duties(store: Store, new_child: Any, wakeups: Wakeups) -> None:
    child = new_child(reaper_seconds=SOON, rewake_seconds=SOON, poll_seconds=SOON)
    before = set(threading.enumerate())
    child.start()
    mine = set(threading.enumerate()) - before
    assert {thread.name for thread in mine} == {"_reap", "_rewake", "_sweep", "work"}
    child.stop()
    for thread in mine:
        thread.join(timeout=PATIENCE)
        assert not thread.is_alive()


def test_a_child_is_known_by_its_host_and_process(store: Store, new_child: Any) -> None:
    assert new_child().owner == f"{socket.gethostname()}:{os.getpid()}"


def test_files_that_nothing_refers_to_are_deleted(store: Store, new_child: Any, settings: Settings) -> None:
    queue(store)
    claim = claimed(store)
    file = settings.blob_dir / claim.run_id / f"0-1-{'0' * 64}"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"of an owner before")
    new_child(sweep_seconds=SOON).start()
    eventually(lambda: not file.exists(), "the file is gone")
