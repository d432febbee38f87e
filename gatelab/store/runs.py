"""Runs, as users see them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select

from gatelab.errors import NotFound
from gatelab.specs import RunSpec
from gatelab.store import pagination
from gatelab.store.engine import Database
from gatelab.store.kept_specs import as_text, run_spec
from gatelab.store.pagination import Page
from gatelab.store.states import State
from gatelab.store.tables import jobs, runs
from gatelab.wire.base import Wire
from gatelab.wire.evaluations import Sample, Summary
from gatelab.wire.runs import RunError


@dataclass(frozen=True)
class Run:
    """One model trained once. Times are seconds since 1970.

    `index` is its place in the job. `parent` is the run from which it began, at `parent_step`. `metrics` is the summary
    of the latest evaluation, `sample` the latest sample, `weights_sha256` the digest of the latest checkpoint's
    weights, `error` says why it failed. `engine` computes it: native, torch or triton; None before it started.
    `attempt` counts how often a worker claimed it, `crash_count` how often one died on it since its last progress.
    """

    id: str
    job_id: str
    index: int
    state: State
    spec: RunSpec
    corpus_id: str
    parent: str | None
    parent_step: int | None
    parameters: int | None
    total_steps: int | None
    step: int
    epoch: int
    metrics: Summary | None
    sample: Sample | None
    error: RunError | None
    device: str | None
    engine: str | None
    weights_sha256: str | None
    owner: str | None
    attempt: int
    crash_count: int
    cancel_requested: bool
    pause_requested: bool
    queued_at: float
    started_at: float | None
    finished_at: float | None
    created_at: float


_NAMES = tuple(Run.__dataclass_fields__)
_COLUMNS = [as_text(runs.c.spec) if name == "spec" else runs.c[name] for name in _NAMES]
_STORED: Mapping[str, type[Wire]] = {"metrics": Summary, "sample": Sample, "error": RunError}
"""Columns of JSON, and the types of their content."""
_ONE = select(*_COLUMNS).where(runs.c.id == bindparam("id"))


class Runs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, id: str) -> Run:
        """
        Raises:
            NotFound: there is no such run.
        """
        row = self._database.first(_ONE, {"id": id})
        if row is None:
            raise NotFound("run", id)
        return _run(row)

    def list(
        self,
        *,
        account: str | None = None,
        job_id: str | None = None,
        state: State | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Run]:
        """The runs, oldest job first and in their order; optionally only those of one account, one job and one state.

        Raises:
            NotFound: there is no such job.
            InvalidRequest: a bad cursor or limit.
        """
        query = select(*_COLUMNS).join(jobs, jobs.c.id == runs.c.job_id)
        if account is not None:
            query = query.where(jobs.c.account == account)
        if job_id is not None:
            query = query.where(runs.c.job_id == job_id)
        if state is not None:
            query = query.where(runs.c.state == state)
        key = [jobs.c.created_at, runs.c.job_id, runs.c.index]
        with self._database.read() as connection:
            page = pagination.fetch(connection, query, key, cursor=cursor, limit=limit, size=_size)
            if not page.items and job_id is not None:
                _require_job(connection, job_id)
        return Page([_run(row) for row in page.items], page.next)


def _size(row: RowMapping) -> int:
    """The characters of a run's texts, which may be long."""
    sample = row["sample"] or {}
    return len(row["spec"]) + len(sample.get("prefix", "")) + len(sample.get("text", ""))


def require_run(connection: Connection, id: str) -> None:
    """
    Raises:
        NotFound: there is no such run.
    """
    if connection.scalar(select(runs.c.id).where(runs.c.id == id)) is None:
        raise NotFound("run", id)


def _require_job(connection: Connection, id: str) -> None:
    if connection.scalar(select(jobs.c.id).where(jobs.c.id == id)) is None:
        raise NotFound("job", id)


def _run(row: RowMapping) -> Run:
    values: dict[str, Any] = {name: row[name] for name in _NAMES}
    values |= {"state": State(row["state"]), "spec": run_spec(row["spec"])}
    for name, shape in _STORED.items():
        values[name] = None if row[name] is None else shape.model_validate(row[name])
    return Run(**values)
