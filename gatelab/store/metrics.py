"""What runs measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func, or_, select

from gatelab.errors import NotFound
from gatelab.store.engine import Database
from gatelab.store.runs import require_run
from gatelab.store.tables import metrics, runs


@dataclass(frozen=True)
class MetricRow:
    """One evaluation after `step` optimizer steps.

    Losses are nats per token. `tokens` counts the tokens trained on since the run began, `seconds` the time spent on
    them. `learning_rate` is that of the latest step. `gates` has for each layer, by the name of the gate, its `mean`
    and the shares `near_zero` and `near_one` of its activations; only where the spec asks for it. None stands for what
    was not measured, and for NaN and infinities.
    """

    step: int
    epoch: int
    train_loss: float | None = None
    validation_loss: float | None = None
    test_loss: float | None = None
    validation_bits_per_character: float | None = None
    test_bits_per_character: float | None = None
    tokens: int = 0
    seconds: float | None = None
    tokens_per_second: float | None = None
    gates: Sequence[Mapping[str, Mapping[str, float | None]]] | None = None
    learning_rate: float | None = None


@dataclass(frozen=True)
class Curve:
    """The evaluations of a run, which has this index in its job. Indexes may have gaps: equal runs are left out."""

    run_id: str
    index: int
    rows: list[MetricRow]


class Metrics:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, run_id: str, *, points: int | None = None) -> list[MetricRow]:
        """The evaluations of a run in the order of their steps: all, or about `points` evenly spaced ones.

        Raises:
            NotFound: there is no such run.
        """
        with self._database.read() as connection:
            require_run(connection, run_id)
            rows = connection.execute(_thinned(metrics.c.run_id == run_id, points)).mappings()
            return [_metric(row) for row in rows]

    def of_job(self, job_id: str, *, points: int | None = None) -> Sequence[Curve]:
        """The evaluations of every run of a job, thinned as by `list`, in the order of the runs.

        Raises:
            NotFound: there is no such job.
        """
        of_job = select(runs.c.id, runs.c.index).where(runs.c.job_id == job_id).order_by(runs.c.index)
        which = metrics.c.run_id.in_(select(runs.c.id).where(runs.c.job_id == job_id))
        with self._database.read() as connection:
            curves = {id: Curve(id, index, []) for id, index in connection.execute(of_job)}
            if not curves:
                raise NotFound("job", job_id)
            for row in connection.execute(_thinned(which, points)).mappings():
                curves[row["run_id"]].rows.append(_metric(row))
        return list(curves.values())

    def lowest_validation_loss(self, run_id: str) -> float | None:
        """The lowest validation loss of a run; None if nothing finite was measured."""
        query = select(func.min(metrics.c.validation_loss)).where(metrics.c.run_id == run_id)
        with self._database.read() as connection:
            lowest: float | None = connection.scalar(query)
        return lowest


def _thinned(which: ColumnElement[bool], points: int | None) -> Select[Any]:
    """The rows of `which` in order: of each run every k-th and its last, so that little more than `points` are left."""
    columns = [metrics.c.run_id, *(metrics.c[name] for name in MetricRow.__dataclass_fields__)]
    if points is None:
        return select(*columns).where(which).order_by(metrics.c.run_id, metrics.c.step)
    place = func.row_number().over(partition_by=metrics.c.run_id, order_by=metrics.c.step).label("place")
    total = func.count().over(partition_by=metrics.c.run_id).label("total")
    numbered = select(*columns, place, total).where(which).subquery()
    every = (numbered.c.total + (points - 1)) // points
    kept = or_(numbered.c.place % every == 0, numbered.c.place == numbered.c.total, numbered.c.place == 1)
    return select(numbered).where(kept).order_by(numbered.c.run_id, numbered.c.step)


def _metric(row: RowMapping) -> MetricRow:
    return MetricRow(**{name: row[name] for name in MetricRow.__dataclass_fields__})
