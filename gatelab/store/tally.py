"""How the runs of jobs stand, counted by the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Double, RowMapping, case, cast, func, select

from gatelab.store.states import FINISHED, State
from gatelab.store.tables import runs


@dataclass(frozen=True)
class Tally:
    """The runs of one job by state, their mean progress (0..1), and when the first began and the last ended.

    Times are seconds since 1970. `finished_at` is None while a run is unfinished.
    """

    counts: Mapping[State, int]
    progress: float
    started_at: float | None
    finished_at: float | None


def tally(connection: Connection, job_ids: Sequence[str]) -> dict[str, Tally]:
    """The tally of each of these jobs."""
    progress = case(
        (runs.c.state.in_(FINISHED), 1.0),
        (runs.c.step >= runs.c.total_steps, 1.0),
        (runs.c.total_steps > 0, cast(runs.c.step, Double) / runs.c.total_steps),
        else_=0.0,
    )
    query = (
        select(
            runs.c.job_id,
            *(func.count().filter(runs.c.state == state).label(state) for state in State),
            func.avg(progress).label("progress"),
            func.min(runs.c.started_at).label("started_at"),
            func.max(runs.c.finished_at).label("finished_at"),
        )
        .where(runs.c.job_id.in_(job_ids))
        .group_by(runs.c.job_id)
    )
    return {row["job_id"]: _tally(row) for row in connection.execute(query).mappings()}


def _tally(row: RowMapping) -> Tally:
    counts = {state: int(row[state]) for state in State}
    finished = sum(counts[state] for state in FINISHED) == sum(counts.values())
    return Tally(counts, float(row["progress"]), row["started_at"], row["finished_at"] if finished else None)
