"""The rows of a new job and its runs, written in the transaction of the caller."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, bindparam, exists, func, insert, select

from gatelab.costs import Expected
from gatelab.errors import Overloaded
from gatelab.specs import JobSpec, RunSpec, shape_key
from gatelab.store.clock import now
from gatelab.store.ids import new_id
from gatelab.store.states import FINISHED, State
from gatelab.store.tables import job_corpora, jobs, runs

# Built once, since building a statement takes longer than executing it.
_UNFINISHED = (
    select(func.count())
    .select_from(runs)
    .where(runs.c.account == bindparam("account"), runs.c.state.not_in(sorted(FINISHED)))
)
_TRAINED = (
    select(jobs.c.id)
    .where(
        jobs.c.account == bindparam("account"),
        jobs.c.runs_sha256 == bindparam("digest"),
        ~exists().where(runs.c.job_id == jobs.c.id, runs.c.state != State.SUCCEEDED),
    )
    .order_by(jobs.c.created_at.desc())
    .limit(1)
)


def check_unfinished(connection: Connection, account: str, more: int, most: int | None) -> None:
    """
    Raises:
        Overloaded: with `more` runs, the account would have more than `most` unfinished runs.
    """
    if most is None:
        return
    have = connection.scalar(_UNFINISHED, {"account": account}) or 0
    if have + more > most:
        raise Overloaded(f"{have} runs are unfinished and this job has {more}; the limit queued_runs is {most}")


def trained_before(connection: Connection, account: str, digest: str) -> str | None:
    """The id of the account's newest job whose runs have this digest and all succeeded."""
    found: str | None = connection.scalar(_TRAINED, {"account": account, "digest": digest})
    return found


def insert_job(connection: Connection, spec: JobSpec, values: Mapping[str, str | None]) -> None:
    """Write the row of a job: its spec, and the columns in `values`."""
    asked = {"name": spec.name, "spec": spec.model_dump(mode="json"), "created_at": now()}
    connection.execute(insert(jobs).values(asked | dict(values)))


def one_corpus(corpus_id: str, specs: Iterable[RunSpec]) -> dict[str, str]:
    """The same corpus for every name that the specs use."""
    return {name: corpus_id for spec in specs for name in spec.texts.names}


def insert_corpora(connection: Connection, job_id: str, corpus_ids: Iterable[str]) -> None:
    """Record which corpora a job reads; they cannot be deleted before it."""
    values = [{"job_id": job_id, "corpus_id": corpus_id} for corpus_id in sorted(corpus_ids)]
    connection.execute(insert(job_corpora), values)


def _corpus_ids(spec: RunSpec, corpora: Mapping[str, str]) -> dict[str, str | None]:
    texts = spec.texts
    return {
        "corpus_id": corpora[texts.train],
        "validation_corpus_id": texts.validation and corpora[texts.validation],
        "test_corpus_id": texts.test and corpora[texts.test],
    }


def insert_runs(
    connection: Connection,
    owned: Mapping[str, str],
    corpora: Mapping[str, str],
    specs: Mapping[int, RunSpec],
    expected: Sequence[Expected | None],
) -> None:
    """Write the rows of a job's runs, queued.

    Args:
        owned: the columns of ownership.
        corpora: the ids of the corpora by the names that `specs` use.
        specs: the specs by the runs' indexes.
        expected: the expected costs, in the order of `specs`.
    """
    connection.execute(
        insert(runs).values(created_at=now(), queued_at=now(), woken_at=now()),
        [
            {
                "id": new_id("run"),
                **owned,
                **_corpus_ids(spec, corpora),
                "index": index,
                "state": State.QUEUED,
                "spec": spec.model_dump(mode="json"),
                "shape": shape_key(spec),
                "parent": spec.start.run if spec.start else None,
                "parent_step": spec.start.checkpoint if spec.start else None,
                "work": asdict(cost.work) if cost else None,
                "predicted_seconds": cost.seconds if cost else None,
            }
            for (index, spec), cost in zip(specs.items(), expected, strict=True)
        ],
    )
