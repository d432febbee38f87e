"""The measurements of runs."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, or_, select

from gatelab.errors import NotFound
from gatelab.store.engine import Database
from gatelab.store.runs import require_run
from gatelab.store.tables import metrics, runs
from gatelab.wire.evaluations import DERIVED, Evaluation, RunCurve

MOST_EVALUATIONS = 100_000
"""The most evaluations in an answer, of one run or of all runs of a job; of more, only evenly spaced ones."""
_FIELDS = tuple(name for name in Evaluation.model_fields if name not in DERIVED.values())
_LISTS = tuple(name for name in RunCurve.model_fields if name not in ("run", "index"))


class Metrics:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, run_id: str, *, points: int | None = None) -> list[Evaluation]:
        """The evaluations of a run in the order of their steps: all, or about `points` evenly spaced ones, of more than
        `MOST_EVALUATIONS` in any case.

        Raises:
            NotFound: there is no such run.
        """
        with self._database.read() as connection:
            require_run(connection, run_id)
            rows = _rows(connection, metrics.c.run_id == run_id, points, _weight(connection, run_id), _FIELDS)
            return [Evaluation(**{name: row[name] for name in _FIELDS}) for row in rows]

    def of_job(self, job_id: str, *, points: int | None = None) -> Sequence[RunCurve]:
        """The evaluations of every run of a job, thinned as by `list`, in the order of the runs.

        Raises:
            NotFound: there is no such job.
        """
        of_job = select(runs.c.id, runs.c.index).where(runs.c.job_id == job_id).order_by(runs.c.index)
        which = metrics.c.run_id.in_(select(runs.c.id).where(runs.c.job_id == job_id))
        with self._database.read() as connection:
            indexes = {id: index for id, index in connection.execute(of_job)}  # noqa: C416 - rows are no pairs to mypy
            if not indexes:
                raise NotFound("job", job_id)
            lists: dict[str, dict[str, list[Any]]] = {id: {name: [] for name in _LISTS} for id in indexes}
            for row in _rows(connection, which, points, len(indexes), _LISTS):
                for name, values in lists[row["run_id"]].items():
                    values.append(row[name])
        return [RunCurve(run=id, index=index, **lists[id]) for id, index in indexes.items()]

    def lowest_validation_loss(self, run_id: str) -> float | None:
        """The lowest validation loss of a run; None if none was finite."""
        query = select(func.min(metrics.c.validation_loss)).where(metrics.c.run_id == run_id)
        with self._database.read() as connection:
            lowest: float | None = connection.scalar(query)
        return lowest


def _rows(
    connection: Connection, which: ColumnElement[bool], points: int | None, share: int, names: Sequence[str]
) -> Iterable[RowMapping]:
    """The rows of `which`: all, or those that `_thinned` leaves.

    Args:
        share: a run, or a row, may have `MOST_EVALUATIONS` divided by this.
    """
    columns = [metrics.c.run_id, *(metrics.c[name].label(name) for name in names)]
    query = select(*columns).where(which).order_by(metrics.c.run_id, metrics.c.step)
    if points is not None or _count(connection, which) > MOST_EVALUATIONS // share:
        most = max(2, MOST_EVALUATIONS // share)
        query = _thinned(columns, which, most if points is None else min(points, most))
    return connection.execute(query).mappings()


def _weight(connection: Connection, run_id: str) -> int:
    """The number of evaluations without gate statistics that are as long as one of this run."""
    gates = connection.scalar(select(metrics.c.gates).where(metrics.c.run_id == run_id).limit(1))
    return 1 + sum(map(len, gates or ()))


def _count(connection: Connection, which: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(metrics).where(which)) or 0


def _thinned(columns: Sequence[ColumnElement[Any]], which: ColumnElement[bool], points: int) -> Select[Any]:
    """The rows of `which` in order: every k-th of each run and its last, so that little more than `points` are left."""
    place = func.row_number().over(partition_by=metrics.c.run_id, order_by=metrics.c.step).label("place")
    total = func.count().over(partition_by=metrics.c.run_id).label("total")
    numbered = select(*columns, place, total).where(which).subquery()
    every = (numbered.c.total + (points - 1)) // points
    kept = or_(numbered.c.place % every == 0, numbered.c.place == numbered.c.total, numbered.c.place == 1)
    return select(numbered).where(kept).order_by(numbered.c.run_id, numbered.c.step)
