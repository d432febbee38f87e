"""A worker's clock may be an hour off, since leases use only the database's clock."""

import re
import time
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from gatelab import store as store_package
from gatelab.settings import Settings
from gatelab.store import Report, State, Store
from gatelab.store.clock import now
from gatelab.store.tables import checkpoints, events, runs
from gatelab.wire.evaluations import Evaluation
from tests.faults.store.actors import actors, results
from tests.faults.store.checks import queue
from tests.leases import renew
from tests.store.conftest import claimed

HOUR = 3600.0
TIMES = [runs.c.created_at, runs.c.queued_at, runs.c.woken_at, runs.c.started_at, events.c.created_at]

both_ways = pytest.mark.parametrize("hours", [-1, 1])


def shift(hours: float) -> None:
    """Put this process's clock forward."""
    honest, honest_ns = time.time, time.time_ns
    time.time = lambda: honest() + hours * HOUR
    time.time_ns = lambda: honest_ns() + int(hours * HOUR * 1e9)


def work(store: Store, pipe: Pipe, hours: float) -> None:
    """Make a job, claim its run, renew the lease and record something, with a wrong clock."""
    shift(hours)
    queue(store, jobs=1, each=1)
    claim = claimed(store)
    renew(store, claim)
    store.claims.record(claim, Report(step=1, epoch=0, metrics=[Evaluation(step=1, epoch=0)], checkpoint=b"one"))


def reap(store: Store, pipe: Pipe, hours: float) -> list[str]:
    shift(hours)
    return store.reaper.reap()


def due(store: Store, pipe: Pipe, hours: float) -> int:
    shift(hours)
    return store.reaper.due_wakeups()


def database_times(store: Store, *columns: Any) -> tuple[float, list[float]]:
    """The database's time, and all times in these columns."""
    with store.database.read() as connection:
        found = [time for column in columns for time in connection.scalars(select(column))]
        return connection.scalar(now().select()) or 0.0, found


@both_ways
def test_what_a_worker_with_a_wrong_clock_writes_has_the_database_s_times(
    store: Store, settings: Settings, hours: int
) -> None:
    results(settings, (work, hours))
    present, [until] = database_times(store, runs.c.lease_until)
    assert 0 < until - present <= settings.lease_seconds
    present, times = database_times(store, *TIMES, checkpoints.c.created_at)
    assert len(times) > len(TIMES)
    assert all(0 <= present - then < HOUR / 2 for then in times)


@both_ways
def test_a_reaper_with_a_wrong_clock_takes_no_run_early_and_none_late(
    store: Store, settings: Settings, hours: int
) -> None:
    with actors(settings, [(reap, hours), (reap, hours)]) as [early, in_time]:
        results(settings, (work, -hours))
        early.begin()
        assert early.receive() == []
        [run] = store.runs.list(state=State.RUNNING).items
        with store.database.write() as connection:
            connection.execute(update(runs).values(lease_until=now() - 0.001))
        in_time.begin()
        assert in_time.receive() == [run.id]


@both_ways
def test_wake_ups_are_sent_again_by_the_database_s_clock(store: Store, settings: Settings, hours: int) -> None:
    queue(store, jobs=1, each=3)
    assert results(settings, (due, hours)) == [0]
    with store.database.write() as connection:
        connection.execute(update(runs).values(woken_at=now() - settings.rewake_seconds - 0.001))
    assert results(settings, (due, hours)) == [3]


LOCAL_CLOCKS = re.compile(r"\btime\.time|\bfrom time import|datetime|func\.now\b|CURRENT_TIME|localtime|gmtime")


def test_the_store_reads_no_clock_but_the_database_s() -> None:
    sources = [path for folder in store_package.__path__ for path in Path(folder).glob("*.py")]
    assert len(sources) > 15
    found = {path.name for path in sources if LOCAL_CLOCKS.search(path.read_text())}
    assert found == {"ids.py"}, "identifiers are sorted by the time of their making, roughly: nothing depends on it"
