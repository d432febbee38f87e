"""Workers are killed and stopped; a run that kills its workers fails."""

import random
import signal
import sqlite3
import sys
from contextlib import closing
from functools import partial

import psycopg
import pytest

from gatelab.store import State
from tests import servers
from tests.faults import poisoned_worker
from tests.faults.campaign import Phase, Row, go_through
from tests.faults.damage import Damage, of_job
from tests.faults.injections import (
    Blow,
    kill_child,
    kill_tree,
    somebody_at_work,
)
from tests.faults.installation import Installation, send
from tests.faults.observation import ObservedRun
from tests.faults.workload import batches, small

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX),
]

on_sqlite = pytest.mark.parametrize("shared_installation", ["sqlite"], indirect=True)
"""Faults for which the database does not matter, so one is enough."""

POISON = {"GATELAB_LEASE_SECONDS": "1.5", "GATELAB_HEARTBEAT_SECONDS": "0.5", "GATELAB_MAX_CRASHES": "3"}
SLOW = {"GATELAB_ENGINE": "torch"}
LONG = {"batch_size": 1, "num_steps": 2, "epochs": 3, "windows": {"train": 400, "validation": 40}}
"""About 1200 slow steps with few evaluations, since even without fencing the store refuses repeated metrics."""

ATTEMPTS = 10
"""Tries of the negative control. One is nearly always enough; another follows if the zombie ends too soon."""


def test_killed_workers_lose_nothing(installation: Installation, chance: random.Random, table: list[Row]) -> None:
    table.append(go_through([kill_child, kill_tree], installation, chance, "killed workers"))
    assert table[-1].harmless, table[-1]


def let_a_zombie_wake_up(on: Installation, chance: random.Random, name: str) -> Row:
    """Stop a worker until another one has its run and has made progress, then let it continue."""
    phase = Phase(on)
    blow, process = stop_between_transactions(on, chance)
    on.wait_until(partial(is_trained_by_another, on, blow.hit), "another worker got on with the run")
    send(process, signal.SIGCONT)
    phase.suffer(blow)
    phase.end()
    return phase.row(name)


def stop_between_transactions(on: Installation, chance: random.Random) -> tuple[Blow, int]:
    """Stop a worker while it holds no lock, since nobody could take a run that a stopped process has locked."""
    while True:
        if not on.observer.unfinished():
            on.submit(small(**LONG))
        blow, process = somebody_at_work(on, chance)
        send(process, signal.SIGSTOP)
        if can_be_written(on, blow.hit.id):
            return blow, process
        send(process, signal.SIGCONT)


def can_be_written(on: Installation, run: str) -> bool:
    """Whether the run can be changed now, or within a second, when others have ended their transactions."""
    try:
        if on.postgres is None:
            with closing(sqlite3.connect(on.stack.folder / "gatelab.db", timeout=1)) as connection:
                connection.execute("BEGIN IMMEDIATE")
        else:
            with closing(psycopg.connect(on.postgres.database("gatelab"))) as connection:
                connection.execute("SET lock_timeout = '1s'")
                rows = "SELECT FROM runs JOIN jobs ON jobs.id = runs.job_id WHERE runs.id = %s FOR UPDATE"
                connection.execute(rows, [run])
    except (sqlite3.OperationalError, psycopg.errors.LockNotAvailable):
        return False
    return True


def is_trained_by_another(on: Installation, hit: ObservedRun) -> bool:
    now = on.observer.observed[hit.id]
    return now.token > hit.token and now.step > hit.step


def test_a_zombie_writes_nothing(installation: Installation, chance: random.Random, table: list[Row]) -> None:
    """It does not even check its clock, which would usually stop it, so the fencing alone must protect the run."""
    with installation.other_workers("tests.faults.untimed_worker", SLOW):
        table.append(let_a_zombie_wake_up(installation, chance, "a zombie that trusts its lease"))
    assert table[-1].harmless, table[-1]


@on_sqlite
def test_without_fencing_a_zombie_does_damage_that_is_seen(
    installation: Installation, chance: random.Random, table: list[Row]
) -> None:
    """The negative control of the test above. Sometimes the zombie ends before it can do its damage."""
    with installation.other_workers("tests.faults.unfenced_worker", SLOW):
        for _ in range(ATTEMPTS):
            row = let_a_zombie_wake_up(installation, chance, "the same, fencing taken out (negative control)")
            table.append(row)
            if row.damage.stale and row.damage.backwards:
                return
    pytest.fail(f"no damage was seen: {row}")


@on_sqlite
def test_a_run_that_kills_its_workers_fails_alone(installation: Installation) -> None:
    with installation.other_workers("tests.faults.poisoned_worker", POISON):
        poison = installation.submit(small(seed=poisoned_worker.SEED))
        healthy = installation.submit(next(batches()))
        installation.finish()
    [run] = installation.store.runs.list(job_id=poison).items
    assert (run.state, run.attempt, run.step) == (State.FAILED, 3, 0)
    assert run.error is not None
    assert run.error.type == "crashed"
    assert of_job(installation.store, healthy) == Damage()
