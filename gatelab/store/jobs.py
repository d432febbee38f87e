"""Jobs: creating, reading and controlling them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from gatelab.costs import Expected
from gatelab.errors import InvalidRequest, NotFound, Unavailable, WrongState
from gatelab.specs import JobSpec, RunSpec
from gatelab.specs.resolved import runs_digest
from gatelab.store import events, job_creation, job_rows, pagination, steering
from gatelab.store.blobs import Blobs
from gatelab.store.changes import announce
from gatelab.store.clock import now
from gatelab.store.deletion import Deletion
from gatelab.store.engine import Database
from gatelab.store.idempotency import IdempotencyKey, find_job, take
from gatelab.store.ids import new_id
from gatelab.store.job_rows import Job
from gatelab.store.origins import Pin, keep
from gatelab.store.pagination import Page
from gatelab.store.states import State
from gatelab.store.tables import LOCAL, deleted_runs, jobs
from gatelab.wire.events import JobCreated


class _KeyTakenError(Exception):
    """Rolls back a job whose idempotency key turned out to stand for another one."""


_NEWEST = (
    select(jobs.c.id, jobs.c.event_count)
    .where(jobs.c.account == bindparam("account"))
    .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
    .limit(bindparam("limit"))
)


class Jobs:
    def __init__(self, database: Database, blobs: Blobs, deletion: Deletion) -> None:
        self._database = database
        self._blobs = blobs
        self._deletion = deletion

    def made_by(self, key: IdempotencyKey) -> Job | None:
        """The job that an earlier request with this key made.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
        """
        with self._database.read() as connection:
            job_id = find_job(connection, key)
            return None if job_id is None else job_rows.get(connection, job_id)

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

        The runs have the indexes that a mapping gives them, else 0, 1, and so on. `expected` are their expected costs,
        which are kept for reports and later predictions.

        If several requests have the same `key`, at once or one after the other, the first makes the job and all get it.

        Args:
            corpora: the ids of the corpora that `specs` name, if these are several; else all name `corpus_id`.
            most_unfinished: the most unfinished runs that the account may have, these included.
            origins: the checkpoints from which runs start; their specs name them by their steps.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
            Overloaded: the account would have more.
            InvalidRequest: there is no run.
            NotFound: there is no such corpus.
        """
        if not specs:
            raise InvalidRequest.at("", "a job needs at least one run")
        job_id = new_id("job")
        indexed = specs if isinstance(specs, Mapping) else dict(enumerate(specs))
        owned = {"corpus_id": corpus_id, "account": account}
        corpora = corpora or job_creation.one_corpus(corpus_id, indexed.values())
        digest = runs_digest(corpora, indexed.values())
        try:
            with self._database.write() as connection:
                job_creation.check_unfinished(connection, account, len(specs), most_unfinished)
                same = {"runs_sha256": digest, "trained": job_creation.trained_before(connection, account, digest)}
                job_creation.insert_job(connection, spec, owned | {"id": job_id} | same)
                job_creation.insert_corpora(connection, job_id, {corpus_id, *corpora.values()})
                made = {"job_id": job_id, "account": account}
                job_creation.insert_runs(connection, made, corpora, indexed, expected or [None] * len(specs))
                keep(connection, job_id, origins)
                events.append(connection, job_id, [JobCreated(name=spec.name, runs=len(specs))])
                if key is not None and not take(connection, key, job_id):
                    raise _KeyTakenError
                return job_rows.get(connection, job_id)
        except _KeyTakenError:
            assert key is not None
            # The key stands for the job of a faster request, unless that job was deleted meanwhile.
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
        """The id of the account's newest job that has trained exactly these runs, all successfully.

        Args:
            corpora: the ids of the corpora that `specs` name.
        """
        with self._database.read() as connection:
            return job_creation.trained_before(connection, account, runs_digest(corpora, specs))

    def get(self, id: str) -> Job:
        """
        Raises:
            NotFound: there is no such job.
        """
        return job_rows.found(id, self._database.first(job_rows.ONE, {"id": id}))

    def list(
        self,
        *,
        account: str | None = None,
        state: State | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Job]:
        """The jobs, newest first; optionally only those of one account and in one state.

        Raises:
            InvalidRequest: a bad cursor or limit.
        """
        query = select(*job_rows.COLUMNS)
        if account is not None:
            query = query.where(jobs.c.account == account)
        if state is not None:
            query = job_rows.in_state(query, state)
        with self._database.read() as connection:
            page = pagination.fetch(
                connection,
                query,
                [jobs.c.created_at, jobs.c.id],
                cursor=cursor,
                limit=limit,
                newest_first=True,
                size=job_rows.size,
            )
            return Page(job_rows.read_jobs(connection, page.items), page.next)

    def newest(self, limit: int, account: str = LOCAL) -> Mapping[str, int]:
        """Id -> number of the latest event, for the account's newest jobs, newest first. A higher number shows a
        change.

        Raises:
            InvalidRequest: a limit that is not in 1..1000.
        """
        pagination.check_limit(limit)
        found = self._database.all(_NEWEST, {"account": account, "limit": limit})
        return {row["id"]: row["event_count"] for row in found}

    def some(self, ids: Collection[str]) -> tuple[Sequence[Job], bool]:
        """The jobs with these ids that still exist, oldest first, until their specs have `events.LOOK_CHARACTERS`
        together; and whether others follow them."""
        query = select(*job_rows.COLUMNS).where(jobs.c.id.in_(ids)).order_by(jobs.c.created_at, jobs.c.id)
        with self._database.read() as connection:
            rows, more = pagination.first_rows(connection, query, len(ids), job_rows.size, events.LOOK_CHARACTERS)
            return job_rows.read_jobs(connection, rows), more

    def cancel(self, id: str) -> Job:
        """Cancel the unfinished runs: waiting ones at once, running ones as soon as their workers notice.

        Cancelling a cancelled job changes nothing.

        Raises:
            NotFound: there is no such job.
            WrongState: the job ended by itself.
        """
        with self._database.write() as connection:
            steering.cancel(connection, id)
            return job_rows.get(connection, id)

    def pause(self, id: str) -> Job:
        """Pause the unfinished runs: queued ones at once, running ones as soon as their workers notice.

        Pausing a paused job changes nothing.

        Raises:
            NotFound: there is no such job.
            WrongState: all its runs have ended or are being cancelled.
        """
        with self._database.write() as connection:
            steering.pause(connection, id)
            return job_rows.get(connection, id)

    def resume(self, id: str) -> Job:
        """Queue the paused runs again, and withdraw the pause that running ones were asked for.

        Resuming a job that is not paused changes nothing.

        Raises:
            NotFound: there is no such job.
            WrongState: all its runs have ended or are being cancelled.
        """
        with self._database.write() as connection:
            steering.resume(connection, id)
            return job_rows.get(connection, id)

    def delete(self, id: str) -> None:
        """Delete a job with all data of its runs.

        Raises:
            NotFound: there is no such job.
            WrongState: some of its runs are running; cancel it first.
        """
        for run_id in self._deletion.write(lambda connection: self._delete(connection, id)):
            self._blobs.drop(run_id)
        with suppress(Unavailable):  # it is deleted; a sweeper deletes what is left of it
            self._deletion.finish()

    def _delete(self, connection: Connection, id: str) -> Sequence[str]:
        """The runs whose files are to be deleted."""
        rows = steering.lock(connection, id)
        if any(row["state"] == State.RUNNING for row in rows):
            raise WrongState(f"job {id} has running runs; cancel it and wait for them to end")
        connection.execute(update(jobs).where(jobs.c.trained == id).values(trained=None))
        self._deletion.delete_job(connection, id)
        # If this process dies now, or a file cannot be deleted, the sweeper finds the files by these rows.
        ids = [row["id"] for row in rows]
        connection.execute(insert(deleted_runs).values(deleted_at=now()), [{"run_id": run_id} for run_id in ids])
        announce(connection)
        return ids
