"""The states of the runs of jobs, counted by the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    RowMapping,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)

from gatelab.store.states import FINISHED, State
from gatelab.store.tables import runs


@dataclass(frozen=True)
class JobCounts:
    """The runs of one job by state, their mean progress (0..1), and when the first began and the last ended.

    Times are seconds since 1970. `finished_at` is None while a run is unfinished.
    """

    counts: Mapping[State, int]
    progress: float
    started_at: float | None
    finished_at: float | None


def _is(state: State) -> ColumnElement[bool]:
    """A constant without parameters, since nine of them would take a good part of a short query."""
    return runs.c.state == literal_column(f"'{state}'")


_PROGRESS = case(
    (or_(*map(_is, sorted(FINISHED))), 1.0),
    (runs.c.step >= runs.c.total_steps, 1.0),
    (runs.c.total_steps > 0, cast(runs.c.step, Double) / runs.c.total_steps),
    else_=0.0,
)
# Built once, since building such a statement takes longer than executing it.
COLUMNS = (
    *(func.count().filter(_is(state)).label(state) for state in State),
    func.avg(_PROGRESS).label("progress"),
    func.min(runs.c.started_at).label("started_at"),
    func.max(runs.c.finished_at).label("finished_at"),
)
"""The columns from which `read` makes `JobCounts`, if the runs of a job are grouped."""
_COUNTS = (
    select(runs.c.job_id, *COLUMNS).where(runs.c.job_id.in_(bindparam("jobs", expanding=True))).group_by(runs.c.job_id)
)


def count_runs(connection: Connection, job_ids: Sequence[str]) -> dict[str, JobCounts]:
    """The counts of each of these jobs that has runs."""
    rows = connection.execute(_COUNTS, {"jobs": job_ids}).mappings()
    return {row["job_id"]: read(row) for row in rows}


def read(row: RowMapping) -> JobCounts:
    """The counts in a row that has `COLUMNS`."""
    counts = {state: int(row[state]) for state in State}
    finished = sum(counts[state] for state in FINISHED) == sum(counts.values())
    return JobCounts(counts, float(row["progress"]), row["started_at"], row["finished_at"] if finished else None)
