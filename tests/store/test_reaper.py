import time
from collections.abc import Callable
from typing import NoReturn

import pytest
from sqlalchemy import select, update

from gatelab.errors import Unavailable
from gatelab.settings import Settings
from gatelab.store import Claim, Job, Report, State, Store
from gatelab.store.tables import jobs, runs
from tests.store.conftest import at_once, claimed, event_types, expire, token


def crash(store: Store) -> Claim:
    """A worker claims a run and is never heard from again."""
    claim = claimed(store)
    expire(store, claim.run_id)
    return claim


def test_an_expired_run_is_queued_at_its_old_place(store: Store, new_job: Callable[..., Job]) -> None:
    new_job(2)
    claim = crash(store)
    before = store.runs.get(claim.run_id)
    assert store.reaper.reap() == [claim.run_id]
    run = store.runs.get(claim.run_id)
    assert (run.state, run.owner, run.crash_count) == (State.QUEUED, None, 1)
    assert run.queued_at == before.queued_at
    assert token(store, run.id) == claim.token
    again = claimed(store)
    assert (again.run_id, again.token) == (claim.run_id, claim.token + 1)


def test_a_run_in_good_hands_is_left_alone(store: Store, claim: Claim) -> None:
    assert store.reaper.reap() == []
    assert store.runs.get(claim.run_id).state is State.RUNNING


def test_an_expired_run_is_not_claimed_before_it_is_reaped(store: Store, new_job: Callable[..., Job]) -> None:
    new_job()
    crash(store)
    assert store.claims.claim("other") is None


def test_many_reapers_take_each_run_once(store: Store, new_job: Callable[..., Job]) -> None:
    new_job(10)
    expected = sorted(crash(store).run_id for _ in range(10))
    reaped = [run_id for found in at_once([store.reaper.reap] * 4) for run_id in found]
    # A reaper skips runs that another one has locked, so the next round may have to recover the last one.
    reaped += store.reaper.reap()
    assert sorted(reaped) == expected
    assert all(run.crash_count == 1 for run in store.runs.list().items)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_stopped_process_does_not_stop_the_reaper(store: Store, new_job: Callable[..., Job]) -> None:
    held, other = new_job(), new_job()
    claims = [crash(store), crash(store)]
    with store.database.write() as stopped:
        stopped.execute(select(jobs.c.id).where(jobs.c.id == held.id).with_for_update())
        assert store.reaper.reap() == [claim.run_id for claim in claims if claim.job_id == other.id]
    assert store.reaper.reap() == [claim.run_id for claim in claims if claim.job_id == held.id]


def test_a_run_that_keeps_taking_down_its_workers_fails(
    store: Store, settings: Settings, new_job: Callable[..., Job]
) -> None:
    job = new_job()
    for _ in range(settings.max_crashes - 1):
        crash(store)
        assert len(store.reaper.reap()) == 1
    claim = crash(store)
    assert store.reaper.reap() == []
    run = store.runs.get(claim.run_id)
    assert run.state is State.FAILED
    assert run.error is not None
    assert run.error.type == "crashed"
    assert event_types(store, job.id)[-2:] == ["run_failed", "job_finished"]


def away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the database unavailable to the reaper once."""
    with monkeypatch.context() as patch:

        def fail() -> NoReturn:
            raise Unavailable("the database cannot be reached")

        patch.setattr(store.database, "write", fail)
        patch.setattr(store.database, "read", fail)
        with pytest.raises(Unavailable):
            store.reaper.reap()


@pytest.mark.parametrize("kind", ["postgresql"])
def test_an_outage_of_the_server_is_no_crash(
    store: Store, settings: Settings, new_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_job()
    claim = crash(store)
    clock = time.monotonic()
    monkeypatch.setattr("gatelab.store.reaper.time.monotonic", lambda: clock)
    away(store, monkeypatch)
    away(store, monkeypatch)
    assert store.reaper.reap() == [], "its worker may be alive, and renew its lease now that it can"
    clock += 2 * settings.heartbeat_seconds + 0.001
    assert store.reaper.reap() == [claim.run_id]
    assert store.runs.get(claim.run_id).crash_count == 0
    # The next one that falls silent has nothing to do with it.
    claim = crash(store)
    assert store.reaper.reap() == [claim.run_id]
    assert store.runs.get(claim.run_id).crash_count == 1


def test_a_new_checkpoint_forgives_crashes(store: Store, settings: Settings, new_job: Callable[..., Job]) -> None:
    new_job()
    for step in range(1, 2 * settings.max_crashes):
        claim = claimed(store)
        store.claims.record(claim, Report(step=step, epoch=0, checkpoint=b"data"))
        assert store.runs.get(claim.run_id).crash_count == 0
        expire(store, claim.run_id)
        assert store.reaper.reap() == [claim.run_id]


def test_progress_that_was_not_saved_forgives_nothing(store: Store, claim: Claim) -> None:
    expire(store, claim.run_id)
    store.reaper.reap()
    again = claimed(store)
    store.claims.record(again, Report(step=5, epoch=0))
    assert store.runs.get(claim.run_id).crash_count == 1


@pytest.mark.parametrize(("ask", "state"), [("cancel", State.CANCELLED), ("pause", State.PAUSED)])
def test_what_was_asked_of_an_expired_run_is_done(store: Store, claim: Claim, ask: str, state: State) -> None:
    getattr(store.jobs, ask)(claim.job_id)
    expire(store, claim.run_id)
    assert store.reaper.reap() == []
    assert store.runs.get(claim.run_id).state is state


def test_a_queued_run_is_woken_once_in_a_while(store: Store, new_job: Callable[..., Job]) -> None:
    new_job(3)
    claimed(store)
    assert store.reaper.due_wakeups() == 0, "they were woken when they were made"
    with store.database.write() as connection:
        connection.execute(update(runs).values(woken_at=0.0))
    assert store.reaper.due_wakeups() == 2
    assert store.reaper.due_wakeups() == 0
