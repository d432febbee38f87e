"""Cancel, pause and resume: runs that are not running change at once, running ones get a flag.

The flags live in the database, where the worker reads them with every heartbeat and record.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, select, update

from gatelab.errors import NotFound, WrongState
from gatelab.store.clock import now
from gatelab.store.states import FINISHED, State
from gatelab.store.tables import runs
from gatelab.store.transitions import move


def lock(connection: Connection, job_id: str) -> Sequence[RowMapping]:
    """The runs of a job, locked by ascending id. All processes lock in this order, so there are no deadlocks.

    Raises:
        NotFound: there is no such job.
    """
    query = select(runs.c.id, runs.c.state, runs.c.cancel_requested).where(runs.c.job_id == job_id)
    rows = connection.execute(query.order_by(runs.c.id).with_for_update()).mappings().all()
    if not rows:
        raise NotFound("job", job_id)
    return rows


def cancel(connection: Connection, job_id: str) -> None:
    rows = lock(connection, job_id)
    states = {row["state"] for row in rows}
    if states <= FINISHED and State.CANCELLED not in states:
        raise WrongState(f"job {job_id} has ended and cannot be cancelled")
    waiting = runs.c.state.in_((State.QUEUED, State.PAUSED))
    which = and_(runs.c.job_id == job_id, waiting)
    move(connection, which, State.CANCELLED, values={"cancel_requested": True}, reason="requested")
    connection.execute(update(runs).where(_running(job_id)).values(cancel_requested=True))


def pause(connection: Connection, job_id: str) -> None:
    _require_going(lock(connection, job_id), job_id, "paused")
    queued = runs.c.state == State.QUEUED
    move(connection, and_(runs.c.job_id == job_id, queued), State.PAUSED, reason="requested")
    connection.execute(update(runs).where(_running(job_id)).values(pause_requested=True))


def resume(connection: Connection, job_id: str) -> None:
    _require_going(lock(connection, job_id), job_id, "resumed")
    paused = runs.c.state == State.PAUSED
    which = and_(runs.c.job_id == job_id, paused)
    move(connection, which, State.QUEUED, values={"queued_at": now()}, reason="requested")
    connection.execute(update(runs).where(_running(job_id)).values(pause_requested=False))


def _running(job_id: str) -> ColumnElement[bool]:
    return and_(runs.c.job_id == job_id, runs.c.state == State.RUNNING)


def _require_going(rows: Sequence[RowMapping], job_id: str, done: str) -> None:
    if all(row["state"] in FINISHED or row["cancel_requested"] for row in rows):
        raise WrongState(f"job {job_id} has ended or is being cancelled and cannot be {done}")
