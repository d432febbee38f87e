"""The one way to change the state of runs: it checks the move, sets its columns and writes its events."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, assert_never

from sqlalchemy import ColumnElement, Connection, RowMapping, update

from gatelab.store import events
from gatelab.store.clock import now
from gatelab.store.job_counts import count_runs
from gatelab.store.states import FINISHED, SOURCES, State, job_state
from gatelab.store.tables import runs
from gatelab.wire.events import (
    JobEvent,
    JobFinished,
    RunCancelled,
    RunFailed,
    RunMoved,
    RunStarted,
    RunSucceeded,
)


def move(
    connection: Connection,
    which: ColumnElement[bool],
    to: State,
    *,
    values: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> Sequence[RowMapping]:
    """Move the runs that `which` selects to the state `to`.

    Runs from whose present state the move is not allowed stay as they are.

    Args:
        values: further columns to set.
        reason: the reason for the event.

    Returns:
        The rows that were moved, with their new values, job by job and in their order.
    """
    moved = connection.execute(
        update(runs)
        .where(which, runs.c.state.in_(SOURCES[to]))
        .values({**_columns(to), **(values or {}), "state": to})
        .returning(*runs.c)
    )
    rows = sorted(moved.mappings(), key=lambda row: (str(row["job_id"]), int(row["index"])))
    # All processes that lock several jobs do so in the order of their ids, so there are no deadlocks.
    for job_id, of_job in groupby(rows, key=lambda row: str(row["job_id"])):
        events.append(connection, job_id, [_event(row, to, reason) for row in of_job])
        if to in FINISHED:
            _finish_job(connection, job_id)
    return rows


def _columns(to: State) -> Mapping[str, Any]:
    if to is State.RUNNING:
        return {}
    free: dict[str, Any] = {"owner": None, "lease_until": None}
    if to is State.QUEUED:
        return free | {"woken_at": now()}
    if to is State.PAUSED:
        return free | {"pause_requested": False}
    return free | {"finished_at": now()}


def _event(row: RowMapping, to: State, reason: str | None) -> JobEvent:
    told: dict[str, Any] = {"run": row["id"], "index": row["index"], "state": to.value, "step": row["step"]}
    if reason is not None:
        told["reason"] = reason
    if row["error"] is not None:
        told["error"] = row["error"]
    match to:
        case State.SUCCEEDED:
            return RunSucceeded(**told)
        case State.FAILED:
            return RunFailed(**told)
        case State.CANCELLED:
            return RunCancelled(**told)
        case State.RUNNING if row["attempt"] == 1:
            return RunStarted(**told)
        case State.QUEUED | State.RUNNING | State.PAUSED:
            return RunMoved(**told)
        case _:
            assert_never(to)


def _finish_job(connection: Connection, job_id: str) -> None:
    """Report the job's end if no run is left. The job's row is locked, so exactly one transaction sees that."""
    now_so = count_runs(connection, [job_id])[job_id]
    if now_so.finished_at is not None:
        counts = {state.value: count for state, count in now_so.counts.items()}
        events.append(connection, job_id, [JobFinished(state=job_state(now_so.counts).value, counts=counts)])
