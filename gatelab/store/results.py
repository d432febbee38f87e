"""The results of runs, read for reports and for predictions: all of them in a few queries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, not_, or_, select

from gatelab.costs import Past, Work, speed_class
from gatelab.errors import InvalidRequest, NotFound
from gatelab.reports.records import Evaluation, NamedCorpus, RunRecord
from gatelab.specs import RunSpec
from gatelab.store.engine import Database
from gatelab.store.states import State
from gatelab.store.tables import corpora, jobs, metrics, runs
from gatelab.wire.runs import RunError

MOST_EVALUATIONS = 200_000
"""If a history is longer, every n-th epoch is read, and the last one."""

PAST_RUNS = 300
"""The number of latest runs that a prediction uses."""


@dataclass(frozen=True)
class History:
    """The latest runs that succeeded on the device and engine of the last successful run; empty if there is none."""

    device: str | None
    runs: Sequence[Past]


class Results:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_job(self, job_id: str) -> list[RunRecord]:
        """The runs of a job, in their order.

        Raises:
            NotFound: there is no such job.
        """
        with self._database.read() as connection:
            found = _records(connection, runs.c.job_id == job_id)
        if not found:
            raise NotFound("job", job_id)
        return found

    def of_runs(self, run_ids: Sequence[str]) -> list[RunRecord]:
        """These runs, in this order.

        Raises:
            InvalidRequest: none is named, or one twice.
            NotFound: there is no such run.
        """
        if not run_ids or len(set(run_ids)) < len(run_ids):
            raise InvalidRequest.at("runs", "give the ids of runs, each id once")
        with self._database.read() as connection:
            found = {record.id: record for record in _records(connection, runs.c.id.in_(run_ids))}
        for id in run_ids:
            if id not in found:
                raise NotFound("run", id)
        return [found[id] for id in run_ids]

    def history(self, *, around: bool = False) -> History:
        """The past runs that predictions use.

        Args:
            around: only runs whose models have fields around their cells for which the native engine may have no code;
                by default only the others. The two kinds differ in speed.
        """
        rows = self._database.all(_PAST[around], {})
        past = [
            Past(speed_class(row["kind"], row["name"]), Work(**row["work"]), row["seconds"])
            for row in rows
            if row["seconds"]
        ]
        return History(rows[0]["device"] if rows else None, past)


def _has_fields_around() -> ColumnElement[bool]:
    """Whether a run's model has one of these fields; JSON leaves them out if they have their defaults."""
    model = runs.c.spec["model"]
    fields = [model[name] for name in ("sizes", "norm", "connections", "initial_state")]
    return or_(*(field.as_string().is_not(None) for field in (*fields, model["dropout"]["zoneout"])))


def _past(kind_of_model: ColumnElement[bool]) -> Select[Any]:
    """The latest successful runs of a kind of model on the device and engine of the latest one."""
    done = (runs.c.state == State.SUCCEEDED, runs.c.work.is_not(None), runs.c.device.is_not(None))
    succeeded = select(runs).where(*done, kind_of_model).subquery("succeeded")
    newest_first = succeeded.c.finished_at.desc()
    latest = select(succeeded.c.device, succeeded.c.engine).order_by(newest_first).limit(1).subquery("latest")
    like_it = and_(succeeded.c.device == latest.c.device, succeeded.c.engine.is_not_distinct_from(latest.c.engine))
    cell = succeeded.c.spec["model"]["cell"]
    return (
        select(
            cell["kind"].as_string().label("kind"),
            cell["name"].as_string().label("name"),
            succeeded.c.work,
            succeeded.c.metrics["seconds"].as_float().label("seconds"),
            succeeded.c.device,
        )
        .join(latest, like_it)
        .order_by(newest_first)
        .limit(PAST_RUNS)
    )


_PAST = {True: _past(_has_fields_around()), False: _past(not_(_has_fields_around()))}
"""By whether the models have fields around their cells."""


_NAMES = (
    "id", "job_id", "index", "state", "corpus_id", "parameters", "total_steps", "step", "epoch", "device",
    "predicted_seconds", "parent", "parent_step",
)  # fmt: skip
_EVALUATION = [metrics.c[name] for name in Evaluation._fields]


def _records(connection: Connection, which: ColumnElement[bool]) -> list[RunRecord]:
    columns = [runs.c[name] for name in (*_NAMES, "spec", "metrics", "sample", "error")]
    validation, test = corpora.alias(), corpora.alias()
    named = [text.c[name] for text in (corpora, validation, test) for name in ("name", "sha256")]
    labels = ("corpus", "sha256", "validation_corpus", "validation_sha256", "test_corpus", "test_sha256")
    query = (
        select(*columns, *(column.label(label) for column, label in zip(named, labels, strict=True)))
        .join(corpora, corpora.c.id == runs.c.corpus_id)
        .outerjoin(validation, validation.c.id == runs.c.validation_corpus_id)
        .outerjoin(test, test.c.id == runs.c.test_corpus_id)
        .join(jobs, jobs.c.id == runs.c.job_id)
        .where(which)
        .order_by(jobs.c.created_at, runs.c.job_id, runs.c.index)
    )
    rows = connection.execute(query).mappings().all()
    evaluations = _evaluations(connection, which)
    of_job = select(runs.c.job_id, func.count()).where(runs.c.job_id.in_(select(runs.c.job_id).where(which)))
    job_runs = {job: count for job, count in connection.execute(of_job.group_by(runs.c.job_id))}  # noqa: C416
    return [_record(row, job_runs[row["job_id"]], evaluations.get(row["id"], ())) for row in rows]


def _named(row: RowMapping, part: str) -> NamedCorpus | None:
    sha256 = row[f"{part}_sha256"]
    return None if sha256 is None else NamedCorpus(row[f"{part}_corpus"], sha256)


def _evaluations(connection: Connection, which: ColumnElement[bool]) -> Mapping[str, Sequence[Evaluation]]:
    """Run -> its evaluations in the order of their steps."""
    total = connection.scalar(select(func.sum(runs.c.epoch)).where(which)) or 0
    every = -(-int(total) // MOST_EVALUATIONS) or 1
    query = select(metrics.c.run_id, *_EVALUATION).join(runs, runs.c.id == metrics.c.run_id).where(which)
    if every > 1:
        query = query.where(or_(metrics.c.epoch % every == 0, metrics.c.epoch == runs.c.epoch))
    found: defaultdict[str, list[Evaluation]] = defaultdict(list)
    for run_id, *values in connection.execute(query.order_by(metrics.c.run_id, metrics.c.step)):
        found[run_id].append(Evaluation(*values))
    return found


def _record(row: RowMapping, job_runs: int, evaluations: Sequence[Evaluation]) -> RunRecord:
    measured = row["metrics"] or {}
    return RunRecord(
        **{name: row[name] for name in _NAMES},
        spec=RunSpec.model_validate(row["spec"]),
        corpus=row["corpus"],
        corpus_sha256=row["sha256"],
        held_out=(_named(row, "validation"), _named(row, "test")),
        job_runs=job_runs,
        seconds=measured.get("seconds"),
        tokens_per_second=measured.get("tokens_per_second"),
        trained_together=measured.get("trained_together", 1),
        error=None if row["error"] is None else RunError.model_validate(row["error"]),
        sample=row["sample"]["prefix"] + row["sample"]["text"] if row["sample"] else None,
        evaluations=evaluations,
        vocabulary=measured.get("vocabulary"),
        validation_tokens=measured.get("validation_tokens"),
        test_tokens=measured.get("test_tokens"),
    )
