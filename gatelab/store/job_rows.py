"""Reading jobs: from rows to objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Exists, RowMapping, Select, bindparam, exists, select

from gatelab.errors import NotFound
from gatelab.specs import JobSpec
from gatelab.store import job_counts
from gatelab.store.job_counts import JobCounts
from gatelab.store.kept_specs import as_text, job_spec
from gatelab.store.states import PRECEDENCE, State, job_state
from gatelab.store.tables import jobs, runs


@dataclass(frozen=True)
class Job:
    """A job, with the states of its runs. Times are seconds since 1970.

    `counts` has every state. `progress` (0..1) is the mean over the runs of step / total steps, where a finished run
    counts as 1. `event_count` is the number of its latest event.
    `started_at` is the time when the first run began, `finished_at` when the last one ended.
    `trained` is an earlier job that had already trained exactly these runs.
    """

    id: str
    name: str
    spec: JobSpec
    corpus_id: str
    state: State
    counts: Mapping[State, int]
    progress: float
    event_count: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    trained: str | None

    @property
    def total(self) -> int:
        """The number of runs."""
        return sum(self.counts.values())


COLUMNS = [
    *(jobs.c[name] for name in ("id", "name", "corpus_id", "event_count", "created_at", "trained")),
    as_text(jobs.c.spec),
]
# A job has at least one run.
ONE = (
    select(*COLUMNS, *job_counts.COLUMNS)
    .join(runs, runs.c.job_id == jobs.c.id)
    .where(jobs.c.id == bindparam("id"))
    .group_by(jobs.c.id)
)


def in_state(query: Select[tuple[object, ...]], state: State) -> Select[tuple[object, ...]]:
    """Only the jobs that `job_state` would put in `state`."""

    def any_run(*states: State) -> Exists:
        return exists().where(runs.c.job_id == jobs.c.id, runs.c.state.in_(states))

    before = PRECEDENCE[: PRECEDENCE.index(state)]
    return query.where(any_run(state), ~any_run(*before))


def get(connection: Connection, id: str) -> Job:
    """
    Raises:
        NotFound: there is no such job.
    """
    return found(id, connection.execute(ONE, {"id": id}).mappings().first())


def found(id: str, row: RowMapping | None) -> Job:
    """The job of a row of `ONE`, if there is one.

    Raises:
        NotFound: there is none.
    """
    if row is None:
        raise NotFound("job", id)
    return _job(row, job_counts.read(row))


def size(row: RowMapping) -> int:
    """Characters of the texts of a row that has `COLUMNS`: those of a spec may be many."""
    return len(row["spec"])


def read_jobs(connection: Connection, rows: Sequence[RowMapping]) -> list[Job]:
    """The jobs of rows that have `COLUMNS`, in their order."""
    found = job_counts.count_runs(connection, [row["id"] for row in rows])
    return [_job(row, found[row["id"]]) for row in rows]


def _job(row: RowMapping, of_runs: JobCounts) -> Job:
    return Job(
        id=row["id"],
        name=row["name"],
        spec=job_spec(row["spec"]),
        corpus_id=row["corpus_id"],
        state=job_state(of_runs.counts),
        counts=of_runs.counts,
        progress=of_runs.progress,
        event_count=row["event_count"],
        created_at=row["created_at"],
        started_at=of_runs.started_at,
        finished_at=of_runs.finished_at,
        trained=row["trained"],
    )
