"""PostgreSQL is stopped in the middle of the critical transactions."""

import random
import sys
from contextlib import closing

import psycopg
import pytest

from tests import servers
from tests.faults.campaign import Row, go_through
from tests.faults.damage import Damage, of_job
from tests.faults.injections import kill_child, stop_postgres
from tests.faults.installation import Installation
from tests.faults.workload import small

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX),
    pytest.mark.parametrize("shared_installation", ["postgresql"], indirect=True),
]

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND query LIKE %s AND state = 'active' AND backend_xid IS NOT NULL
"""
"""The number of transactions that have begun to write and now wait for our lock."""


def test_a_database_that_is_stopped_any_time_loses_nothing(
    installation: Installation, chance: random.Random, table: list[Row]
) -> None:
    table.append(go_through([stop_postgres] * 3, installation, chance, "PostgreSQL stopped"))
    assert table[-1].harmless, table[-1]


def stop_while_somebody_writes_to(table: str, on: Installation) -> None:
    """Stop PostgreSQL when a transaction has updated its run and is about to write to `table`, then start it."""
    assert on.postgres is not None
    # It is only closed at the end, since no database is left that could commit.
    with closing(psycopg.connect(on.postgres.database("gatelab"))) as connection:
        connection.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        with closing(psycopg.connect(on.postgres.url, autocommit=True)) as watcher:

            def somebody_waits() -> bool:
                row = watcher.execute(WAITING, [f"%{table}%"]).fetchone()
                return row is not None and row[0] > 0

            on.wait_until(somebody_waits, f"somebody writes to {table}")
        on.postgres.stop_immediately()
    on.postgres.start()


def test_a_checkpoint_that_was_being_written_is_written_once(installation: Installation) -> None:
    job = installation.submit(small(epochs=40))
    installation.wait_until(lambda: installation.observer.of_job(job)[0].step > 0, "the run has got on")
    stop_while_somebody_writes_to("checkpoints", installation)
    installation.finish()
    assert of_job(installation.store, job) == Damage()


def test_a_run_that_was_being_taken_back_is_taken_back(installation: Installation, chance: random.Random) -> None:
    """No worker trains, so the reaper writes the event."""
    job = installation.submit(small(epochs=40))
    kill_child(installation, chance)
    stop_while_somebody_writes_to("events", installation)
    installation.finish()
    [run] = installation.store.runs.list(job_id=job).items
    assert run.attempt > 1
    assert of_job(installation.store, job) == Damage()
