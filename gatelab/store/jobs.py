"""Jobs: making, reading and steering them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType

from sqlalchemy import Connection, Exists, RowMapping, Select, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gatelab.costs import Expected
from gatelab.errors import InvalidRequest, NotFound, Overloaded, WrongState
from gatelab.specs import JobSpec, RunSpec, shape_key
from gatelab.specs.resolved import runs_digest
from gatelab.store import events, job_counts, pagination, steering
from gatelab.store.blobs import Blobs
from gatelab.store.changes import announce
from gatelab.store.clock import now
from gatelab.store.engine import Database
from gatelab.store.idempotency import IdempotencyKey, find_job, take
from gatelab.store.ids import new_id
from gatelab.store.job_counts import JobCounts
from gatelab.store.kept_specs import as_text, job_spec
from gatelab.store.origins import Pin, keep
from gatelab.store.pagination import Page
from gatelab.store.states import FINISHED, PRECEDENCE, State, job_state
from gatelab.store.tables import LOCAL, deleted_runs, job_corpora, jobs, runs


@dataclass(frozen=True)
class Job:
    """A request and how its runs stand. Times are seconds since 1970.

    `counts` has every state. `progress` (0..1) is the mean over the runs of step / total steps, where a finished run
    counts as 1. `event_count` is the number of its latest event.
    `started_at` is when the first run began, `finished_at` when the last one ended.
    `trained` is an earlier job that had trained exactly these runs when this one was asked for.
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


_COLUMNS = [
    *(jobs.c[name] for name in ("id", "name", "corpus_id", "event_count", "created_at", "trained")),
    as_text(jobs.c.spec),
]
# A job has at least one run.
_ONE = (
    select(*_COLUMNS, *job_counts.COLUMNS)
    .join(runs, runs.c.job_id == jobs.c.id)
    .where(jobs.c.id == bindparam("id"))
    .group_by(jobs.c.id)
)


class _KeyTakenError(Exception):
    """Rolls back a job whose idempotency key turned out to stand for another one."""


class Jobs:
    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    def made_by(self, key: IdempotencyKey) -> Job | None:
        """The job that an earlier request with this key made.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
        """
        with self._database.read() as connection:
            job_id = find_job(connection, key)
            return None if job_id is None else _get(connection, job_id)

    def create(
        self,
        spec: JobSpec,
        corpus_id: str,
        specs: Sequence[RunSpec] | Mapping[int, RunSpec],
        key: IdempotencyKey | None = None,
        expected: Sequence[Expected | None] | None = None,
        *,
        account: str = LOCAL,
        most_unfinished: int | None = None,
        corpora: Mapping[str, str] = MappingProxyType({}),
        origins: Iterable[Pin] = (),
    ) -> Job:
        """A new job of an account with one queued run for each of `specs`, which are claimed in this order.

        The runs have the indexes that a mapping gives them, else 0, 1, and so on. `expected` is what each of them is
        expected to cost; it is kept for reports and later predictions.

        Of any number of requests with the same `key`, at once or one after the other, the first makes the job and
        all get it.

        Args:
            corpora: the ids of the corpora that `specs` name, if these are several; else all name `corpus_id`.
            most_unfinished: how many runs that have not ended the account may have, these included.
            origins: the checkpoints that runs start from; their specs name them by their steps.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
            Overloaded: it would have more.
            InvalidRequest: there is not a single run.
            NotFound: there is no such corpus.
        """
        if not specs:
            raise InvalidRequest.at("", "a job needs at least one run")
        job_id = new_id("job")
        indexed = specs if isinstance(specs, Mapping) else dict(enumerate(specs))
        owned = {"corpus_id": corpus_id, "account": account}
        corpora = corpora or _one_corpus(corpus_id, indexed.values())
        digest = runs_digest(corpora, indexed.values())
        try:
            with self._database.write() as connection:
                _check_unfinished(connection, account, len(specs), most_unfinished)
                same = {"runs_sha256": digest, "trained": _trained(connection, account, digest)}
                _insert_job(connection, spec, owned | {"id": job_id} | same)
                _insert_corpora(connection, job_id, {corpus_id, *corpora.values()})
                made = {"job_id": job_id, "account": account}
                _insert_runs(connection, made, corpora, indexed, expected or [None] * len(specs))
                keep(connection, job_id, origins)
                data = {"name": spec.name, "runs": len(specs)}
                events.append(connection, job_id, [("job_created", None, data)])
                if key is not None and not take(connection, key, job_id):
                    raise _KeyTakenError
                return _get(connection, job_id)
        except _KeyTakenError:
            assert key is not None
            # It stands for the job of a request that was faster, unless that was deleted meanwhile.
            return self.made_by(key) or self.create(
                spec,
                corpus_id,
                specs,
                key,
                expected,
                account=account,
                most_unfinished=most_unfinished,
                corpora=corpora,
                origins=origins,
            )
        except IntegrityError:
            raise NotFound("corpus", corpus_id) from None

    def trained(self, account: str, corpora: Mapping[str, str], specs: Iterable[RunSpec]) -> str | None:
        """The id of the account's newest job that has trained exactly these runs, each with success.

        Args:
            corpora: the ids of the corpora that `specs` name.
        """
        with self._database.read() as connection:
            return _trained(connection, account, runs_digest(corpora, specs))

    def get(self, id: str) -> Job:
        """
        Raises:
            NotFound: there is no such job.
        """
        return _found(id, self._database.first(_ONE, {"id": id}))

    def list(
        self,
        *,
        account: str | None = None,
        state: State | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Job]:
        """The jobs, of one account and in one state if so asked, newest first.

        Raises:
            InvalidRequest: a bad cursor or limit.
        """
        query = select(*_COLUMNS)
        if account is not None:
            query = query.where(jobs.c.account == account)
        if state is not None:
            query = _in_state(query, state)
        with self._database.read() as connection:
            page = pagination.fetch(
                connection,
                query,
                [jobs.c.created_at, jobs.c.id],
                cursor=cursor,
                limit=limit,
                newest_first=True,
            )
            return Page(_jobs(connection, page.items), page.next)

    def newest(self, limit: int, account: str = LOCAL) -> Mapping[str, int]:
        """Id -> number of the latest event, of the account's newest jobs, newest first: by it, what changed is seen.

        Raises:
            InvalidRequest: a limit that is not in 1..1000.
        """
        pagination.check_limit(limit)
        mine = select(jobs.c.id, jobs.c.event_count).where(jobs.c.account == account)
        query = mine.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return {row["id"]: row["event_count"] for row in connection.execute(query).mappings()}

    def some(self, ids: Collection[str]) -> Sequence[Job]:
        """Those of the jobs with these ids that there still are, newest first."""
        query = select(*_COLUMNS).where(jobs.c.id.in_(ids)).order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        with self._database.read() as connection:
            return _jobs(connection, connection.execute(query).mappings().all())

    def cancel(self, id: str) -> Job:
        """Cancel the unfinished runs: waiting ones at once, running ones as soon as their workers notice.

        Cancelling a cancelled job changes nothing.

        Raises:
            NotFound: there is no such job.
            WrongState: it ended by itself.
        """
        with self._database.write() as connection:
            steering.cancel(connection, id)
            return _get(connection, id)

    def pause(self, id: str) -> Job:
        """Pause the unfinished runs: queued ones at once, running ones as soon as their workers notice.

        Pausing a paused job changes nothing.

        Raises:
            NotFound: there is no such job.
            WrongState: all its runs have ended or are being cancelled.
        """
        with self._database.write() as connection:
            steering.pause(connection, id)
            return _get(connection, id)

    def resume(self, id: str) -> Job:
        """Queue the paused runs again, and withdraw what running ones were asked to pause for.

        Resuming a job that is not paused changes nothing.

        Raises:
            NotFound: there is no such job.
            WrongState: all its runs have ended or are being cancelled.
        """
        with self._database.write() as connection:
            steering.resume(connection, id)
            return _get(connection, id)

    def delete(self, id: str) -> None:
        """Delete a job with all that its runs left behind.

        Raises:
            NotFound: there is no such job.
            WrongState: some of its runs are running; cancel it first.
        """
        with self._database.write() as connection:
            rows = steering.lock(connection, id)
            if any(row["state"] == State.RUNNING for row in rows):
                raise WrongState(f"job {id} has running runs; cancel it and wait for them to end")
            connection.execute(update(jobs).where(jobs.c.trained == id).values(trained=None))
            connection.execute(delete(jobs).where(jobs.c.id == id))
            # Should this process die now, or a file resist: the sweeper finds them by this.
            values = [{"run_id": row["id"]} for row in rows]
            connection.execute(insert(deleted_runs).values(deleted_at=now()), values)
            announce(connection)
        for row in rows:
            self._blobs.drop(row["id"])
        self._database.forget()


def _check_unfinished(connection: Connection, account: str, more: int, most: int | None) -> None:
    if most is None:
        return
    ending = runs.c.state.not_in(FINISHED)
    have = connection.scalar(select(func.count()).select_from(runs).where(runs.c.account == account, ending)) or 0
    if have + more > most:
        raise Overloaded(f"{have} runs are unfinished and this job has {more}; the limit queued_runs is {most}")


def _trained(connection: Connection, account: str, digest: str) -> str | None:
    same = select(jobs.c.id).where(jobs.c.account == account, jobs.c.runs_sha256 == digest)
    unsuccessful = exists().where(runs.c.job_id == jobs.c.id, runs.c.state != State.SUCCEEDED)
    found: str | None = connection.scalar(same.where(~unsuccessful).order_by(jobs.c.created_at.desc()).limit(1))
    return found


def _insert_job(connection: Connection, spec: JobSpec, values: Mapping[str, str | None]) -> None:
    asked = {"name": spec.name, "spec": spec.model_dump(mode="json"), "created_at": now()}
    connection.execute(insert(jobs).values(asked | dict(values)))


def _one_corpus(corpus_id: str, specs: Iterable[RunSpec]) -> dict[str, str]:
    return {name: corpus_id for spec in specs for name in spec.texts.names}


def _insert_corpora(connection: Connection, job_id: str, corpus_ids: Iterable[str]) -> None:
    values = [{"job_id": job_id, "corpus_id": corpus_id} for corpus_id in sorted(corpus_ids)]
    connection.execute(insert(job_corpora), values)


def _corpus_ids(spec: RunSpec, corpora: Mapping[str, str]) -> dict[str, str | None]:
    texts = spec.texts
    return {
        "corpus_id": corpora[texts.train],
        "validation_corpus_id": texts.validation and corpora[texts.validation],
        "test_corpus_id": texts.test and corpora[texts.test],
    }


def _insert_runs(
    connection: Connection,
    owned: Mapping[str, str],
    corpora: Mapping[str, str],
    specs: Mapping[int, RunSpec],
    expected: Sequence[Expected | None],
) -> None:
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


def _in_state(query: Select[tuple[object, ...]], state: State) -> Select[tuple[object, ...]]:
    """Only the jobs that `job_state` would put in `state`."""

    def any_run(*states: State) -> Exists:
        return exists().where(runs.c.job_id == jobs.c.id, runs.c.state.in_(states))

    before = PRECEDENCE[: PRECEDENCE.index(state)]
    return query.where(any_run(state), ~any_run(*before))


def _get(connection: Connection, id: str) -> Job:
    return _found(id, connection.execute(_ONE, {"id": id}).mappings().first())


def _found(id: str, row: RowMapping | None) -> Job:
    if row is None:
        raise NotFound("job", id)
    return _job(row, job_counts.read(row))


def _jobs(connection: Connection, rows: Sequence[RowMapping]) -> list[Job]:
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
