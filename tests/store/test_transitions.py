from collections.abc import Callable

from sqlalchemy import select, update

from gatelab.store import Job, State, Store
from gatelab.store.states import MOVES
from gatelab.store.tables import runs
from gatelab.store.transitions import move
from tests.events import events_of


def test_a_move_that_is_not_allowed_changes_nothing(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job()
    for state in State:
        for to in set(State) - MOVES[state]:
            with store.database.write() as connection:
                connection.execute(update(runs).values(state=state))
                before = connection.execute(select(runs)).one()
                assert not move(connection, runs.c.job_id == job.id, to, values={"step": 1})
                assert connection.execute(select(runs)).one() == before
    assert len(events_of(store, job.id)) == 1


def test_runs_of_several_jobs_are_moved_at_once_and_each_job_is_told(store: Store, new_job: Callable[..., Job]) -> None:
    jobs = [new_job(2), new_job(1)]
    with store.database.write() as connection:
        rows = move(connection, runs.c.state == State.QUEUED, State.CANCELLED)
    assert len(rows) == 3
    for job in jobs:
        told = [event.type for event in events_of(store, job.id)]
        assert told == ["job_created", *["run_cancelled"] * job.total, "job_finished"]


def test_a_move_is_told_with_its_reason(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job()
    with store.database.write() as connection:
        [row] = move(connection, runs.c.job_id == job.id, State.PAUSED, reason="why not")
    event = events_of(store, job.id)[-1]
    assert (event.type, event.run_id) == ("state", row["id"])
    assert event.data == {"index": 0, "state": "paused", "step": 0, "reason": "why not"}
