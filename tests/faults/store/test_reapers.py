"""Several reapers at once, one that is killed, one that is frozen: each run is recovered exactly once."""

from multiprocessing.connection import Connection as Pipe
from typing import Any

import pytest
from sqlalchemy import text, update

from gatelab.errors import Unavailable
from gatelab.settings import Settings
from gatelab.store import Job, State, Store, reaper
from gatelab.store.tables import runs
from gatelab.store.transitions import move
from tests.faults.store.actors import Actor, actors, results, say
from tests.faults.store.checks import all_events, check_history, queue
from tests.store.conftest import claimed

JOBS, EACH = 6, 5


def expired_jobs(store: Store) -> list[Job]:
    """Jobs whose runs all belong to dead workers."""
    jobs = queue(store, JOBS, EACH)
    for _ in range(JOBS * EACH):
        claimed(store, "dead")
    with store.database.write() as connection:
        connection.execute(update(runs).values(lease_until=0.0))
    return jobs


def is_anything_running(store: Store) -> bool:
    return bool(store.runs.list(state=State.RUNNING, limit=1).items)


def reap_all(store: Store, pipe: Pipe) -> list[str]:
    """The runs that this reaper recovers until none is left. It skips runs that others have locked, and looks again."""
    taken: list[str] = []
    while is_anything_running(store):
        taken += store.reaper.reap()
    return taken


def reap_and_halt(store: Store, pipe: Pipe) -> list[str]:
    """A reaper that stays inside its first transaction, with an uncommitted recovery, until it gets a message."""
    patch = pytest.MonkeyPatch()

    def move_and_halt(*arguments: Any, **options: Any) -> Any:
        moved = move(*arguments, **options)
        patch.undo()
        say(pipe, "inside")
        pipe.recv()
        return moved

    patch.setattr(reaper, "move", move_and_halt)
    return store.reaper.reap()


def check_each_was_taken_back_once(store: Store, jobs: list[Job]) -> None:
    for job in jobs:
        found = store.runs.list(job_id=job.id).items
        assert {(run.state, run.crash_count, run.owner) for run in found} == {(State.QUEUED, 1, None)}
        told = [event.run_id for event in all_events(store, job.id) if event.data.get("reason") == "lease expired"]
        assert sorted(map(str, told)) == sorted(run.id for run in found)
        check_history(store, job.id)


def test_three_reapers_at_once_take_each_run_back_once(store: Store, settings: Settings) -> None:
    jobs = expired_jobs(store)
    taken = results(settings, *[(reap_all,)] * 3)
    assert sum(map(len, taken)) == JOBS * EACH
    check_each_was_taken_back_once(store, jobs)


def test_a_reaper_that_is_killed_at_its_work_leaves_it_to_others(store: Store, settings: Settings) -> None:
    jobs = expired_jobs(store)
    with actors(settings, [(reap_and_halt,)]) as [victim]:
        halt(victim)
        victim.kill()
        taken = results(settings, (reap_all,), (reap_all,))
    assert sum(map(len, taken)) == JOBS * EACH, "what the dead one was at counts as not taken back"
    check_each_was_taken_back_once(store, jobs)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_frozen_reaper_holds_up_nobody(store: Store, settings: Settings) -> None:
    """On PostgreSQL, others skip the rows that it has locked, until the server ends its transaction."""
    jobs = expired_jobs(store)
    with actors(settings, [(reap_and_halt,)]) as [victim]:
        halt(victim)
        victim.freeze()
        taken = store.reaper.reap()
        assert len(taken) == (JOBS - 1) * EACH, "all but the job whose events it is about to write"
        end_idle_transactions(store)
        [rest] = results(settings, (reap_all,))
        assert len(rest) == EACH
        victim.thaw()
        victim.pipe.send("go on")
        with pytest.raises(AssertionError, match="Unavailable"):
            victim.receive()
    check_each_was_taken_back_once(store, jobs)


def end_idle_transactions(store: Store) -> None:
    """End the transaction now, as the server does after a store's connection is idle in it for ten seconds."""
    with store.database.read() as connection:
        idle = "datname = current_database() AND state = 'idle in transaction' AND pid != pg_backend_pid()"
        ended = connection.scalars(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {idle}")).all()
    assert ended == [True]


@pytest.mark.parametrize("end", ["goes on", "is killed"])
@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_frozen_writer_holds_up_sqlite_until_it_is_gone(store: Store, settings: Settings, end: str) -> None:
    """SQLite has one lock for all writers, and nobody can take it from a stopped one. They wait; nothing is lost."""
    jobs = expired_jobs(store)
    with actors(settings, [(reap_and_halt,)]) as [victim], Store(settings, busy_seconds=0.2) as impatient:
        halt(victim)
        victim.freeze()
        with pytest.raises(Unavailable, match="locked"):
            impatient.reaper.reap()
        assert len(store.runs.list(state=State.RUNNING).items) == JOBS * EACH, "readers do not wait"
        if end == "is killed":
            victim.kill()
            assert len(reap_all(store, victim.pipe)) == JOBS * EACH
        else:
            victim.thaw()
            victim.pipe.send("go on")
            assert len(victim.receive()) == JOBS * EACH
            assert store.reaper.reap() == []
    check_each_was_taken_back_once(store, jobs)


def halt(victim: Actor) -> None:
    victim.begin()
    assert victim.receive() == "inside"
