"""The operations of workers on runs: claim one, keep it, write its results.

A claim holds a lease (time-limited, database time) and a fencing token. Every write of a worker first updates the run
on the condition that the token is still the claim's and the run still running; a worker that was stopped for longer
than its lease, and whose run was given to another one, hits no row and writes nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, case, select, update
from sqlalchemy.exc import IntegrityError

from gatelab.errors import Conflict, LeaseLost, StorageUnavailable, Unavailable
from gatelab.settings import Settings
from gatelab.specs import shape_key
from gatelab.store import checkpoints, events, queue
from gatelab.store.blobs import BlobName, Blobs
from gatelab.store.checkpoints import Saved
from gatelab.store.clock import now
from gatelab.store.engine import Database
from gatelab.store.ids import new_id
from gatelab.store.queue import Claim
from gatelab.store.retry import retrying
from gatelab.store.run_update import Report, run_columns, write_rows
from gatelab.store.states import State, settle
from gatelab.store.tables import runs
from gatelab.store.transitions import move
from gatelab.wire.events import CheckpointCorrupt


@dataclass(frozen=True)
class Flags:
    """The requests of users for a running run."""

    cancel: bool
    pause: bool


class Claims:
    def __init__(self, database: Database, blobs: Blobs, settings: Settings) -> None:
        self._database = database
        self._blobs = blobs
        self._lease = settings.lease_seconds
        self._inline_bytes = settings.inline_checkpoint_bytes

    def claim(self, owner: str) -> Claim | None:
        """The next run of the queue, now owned by `owner`; None if nothing is queued.

        Accounts take turns; within an account, it is the run that has been queued for longest. Records after the latest
        checkpoint of the run are deleted, since those steps are repeated.

        Raises:
            Unavailable: the database cannot be reached.
        """
        with self._database.write() as connection:
            claims = queue.take_fairly(connection, owner, lease=self._lease)
        return claims[0] if claims else None

    def claim_alike(self, claim: Claim, limit: int) -> list[Claim]:
        """Up to `limit` further queued runs that can be trained together with that of `claim`, the oldest first.

        They have its shape and its corpora, and now its owner; each has its own lease and token. They may be younger
        than queued runs of other shapes, which do not wait longer because of this: a slice takes the same time whatever
        it trains, and then all its runs go to the back of the queue.

        A run on which a worker died is trained alone until it makes progress, so that it cannot take others with it.

        Raises:
            Unavailable: the database cannot be reached.
        """
        if claim.crash_count > 0 or limit < 1:
            return []
        alike = and_(
            runs.c.shape == shape_key(claim.spec),
            runs.c.corpus_id == claim.corpus_id,
            runs.c.validation_corpus_id.is_not_distinct_from(claim.validation_corpus_id),
            runs.c.test_corpus_id.is_not_distinct_from(claim.test_corpus_id),
        )
        which = and_(alike, runs.c.crash_count == 0)
        with self._database.write() as connection:
            return queue.take(connection, claim.owner, which, limit=limit, lease=self._lease)

    def heartbeats(self, claims: Sequence[Claim]) -> dict[str, Flags]:
        """Renew several leases in one transaction: run id -> the users' requests. Lost runs are left out.

        Raises:
            Unavailable: the database cannot be reached.
        """
        flags = {}
        with self._database.write() as connection:
            for claim in sorted(claims, key=lambda claim: claim.run_id):  # all processes lock in this order
                with suppress(LeaseLost):
                    flags[claim.run_id] = self._fenced(connection, claim, {})
        return flags

    def release(self, claim: Claim, *, crashed: bool = False, behind: bool = False) -> None:
        """Give the run back without any work done, at its old place in the queue.

        Args:
            crashed: the run may have caused a fault that is as bad as the death of a worker, so it counts as a crash.
            behind: put it at the end of the queue instead, because something that it needs is missing now.

        Raises:
            LeaseLost: the run is no longer this claim's.
            Unavailable: the database cannot be reached.
        """
        with self._database.write() as connection:
            flags = self._fenced(connection, claim, {"crash_count": runs.c.crash_count + int(crashed)})
            to = settle(State.QUEUED, cancel=flags.cancel, pause=flags.pause)
            turn = {"queued_at": now()} if behind and to is State.QUEUED else None
            move(connection, runs.c.id == claim.run_id, to, values=turn, reason="released")

    def fall_back(self, claim: Claim) -> Claim:
        """Discard the claim's damaged checkpoint, and fall back to the one before it.

        Later records are deleted, since the run will repeat those steps. This is the only case in which the visible
        step of a run goes back; an event says so.

        Returns:
            The claim, at the newest checkpoint that is left or at the start of the run.

        Raises:
            LeaseLost: the run is no longer this claim's.
            Unavailable: the database cannot be reached.
        """
        with self._database.write() as connection:
            self._fenced(connection, claim, {"weights_sha256": None})
            checkpoints.discard(connection, claim.run_id, claim.step)
            step, epoch = queue.rewind(connection, claim.run_id)
            given_up = CheckpointCorrupt(run=claim.run_id, step=claim.step, resumed_from=step)
            events.append(connection, claim.job_id, [given_up])
        return replace(claim, step=step, epoch=epoch)

    def record(self, claim: Claim, report: Report) -> Flags:
        """Write the results of training, all or nothing, renew the lease and change the run's state.

        This waits for an unavailable database for the time of two leases, and likewise for the folder of large
        checkpoints. If the connection is lost during the commit, nothing is written again before it is certain that the
        commit did not happen and will not.

        Raises:
            LeaseLost: the run is no longer this claim's; nothing was written.
            Conflict: the run already has a metric or sample of one of these steps; nothing was written.
            StorageUnavailable: the folder of large checkpoints cannot be reached; nothing was written.
            Unavailable: the database cannot be reached.
        """
        mark = new_id("report")
        saved = retrying(lambda: self._save_files(claim, report), seconds=2 * self._lease)
        decided = True
        try:
            return retrying(lambda: self._write(claim, report, saved, mark), seconds=2 * self._lease)
        except Unavailable:
            decided = False  # a commit may still be in progress; if it succeeds, its file must exist
            raise
        except IntegrityError as error:
            raise Conflict(f"run {claim.run_id} has already recorded one of these steps") from error
        finally:
            if saved and decided:
                self._sweep(claim)

    def _write(self, claim: Claim, report: Report, saved: Sequence[tuple[Saved, int]], mark: str) -> Flags:
        with self._database.write() as connection:
            if landed := self._landed(connection, claim, mark):
                return landed
            columns = {**run_columns(report), "last_report": mark}
            if saved:
                # Only a checkpoint is progress: without one, the next worker repeats all steps.
                columns["crash_count"] = case((runs.c.step < report.step, 0), else_=runs.c.crash_count)
            flags = self._fenced(connection, claim, columns)
            write_rows(connection, claim.run_id, report)
            for checkpoint, epoch in saved:
                checkpoints.save(connection, checkpoint, epoch=epoch)
            if saved:
                keep, keep_best = report.keep_checkpoints, report.keep_best
                checkpoints.prune(connection, claim.run_id, keep=keep, keep_best=keep_best)
            told = [event.model_copy(update={"run": claim.run_id}) for event in report.events]
            events.append(connection, claim.job_id, told)
            if report.next_state is not None:
                to = settle(report.next_state, cancel=flags.cancel, pause=flags.pause)
                turn = {"queued_at": now()} if to is State.QUEUED else None
                move(connection, runs.c.id == claim.run_id, to, values=turn)
        return flags

    def _fenced(self, connection: Connection, claim: Claim, values: Mapping[str, Any]) -> Flags:
        """Update the claim's run, renew its lease and lock it until the transaction ends, or raise LeaseLost."""
        row = connection.execute(
            update(runs)
            .where(runs.c.id == claim.run_id, runs.c.token == claim.token, runs.c.state == State.RUNNING)
            .values({**values, "lease_until": now() + self._lease})
            .returning(runs.c.cancel_requested, runs.c.pause_requested)
        ).first()
        if row is None:
            raise LeaseLost(f"run {claim.run_id} is no longer owned by claim {claim.token}")
        return Flags(cancel=row.cancel_requested, pause=row.pause_requested)

    def _landed(self, connection: Connection, claim: Claim, mark: str) -> Flags | None:
        """The flags if the report with this mark was committed, although the answer was lost.

        A commit may still be in progress in the database long after its connection was lost. It holds the lock of the
        run until it ends, so the mark is read under that lock, not in an older snapshot.
        """
        query = select(runs.c.last_report, runs.c.cancel_requested, runs.c.pause_requested)
        row = connection.execute(query.where(runs.c.id == claim.run_id).with_for_update()).first()
        if row is None or row.last_report != mark:
            return None
        return Flags(cancel=row.cancel_requested, pause=row.pause_requested)

    def _save_files(self, claim: Claim, report: Report) -> list[tuple[Saved, int]]:
        """The checkpoints of a report, each with its epoch."""
        saved = []
        best = report.best
        if best is not None and (report.checkpoint is None or best.step < report.step):
            saved.append((self._save_file(claim, best.step, best.data), best.epoch))
        if report.checkpoint is not None:
            saved.append((self._save_file(claim, report.step, report.checkpoint), report.epoch))
        return saved

    def _save_file(self, claim: Claim, step: int, data: bytes) -> Saved:
        """Put a large checkpoint into its file, before the transaction: no file is written while a lock is held."""
        name = BlobName(claim.run_id, claim.token, step, hashlib.sha256(data).hexdigest())
        if len(data) <= self._inline_bytes:
            return Saved(name, len(data), data)
        self._check_storage()
        self._blobs.put(name, data)
        return Saved(name, len(data), None)

    def _check_storage(self) -> None:
        """
        Raises:
            StorageUnavailable: there is no file although checkpoints are files, so their folder is away. If a new file
                were written there, the others would seem to be lost.
        """
        if self._blobs.has_files():
            return
        with self._database.read() as connection:
            if checkpoints.any_files(connection):
                raise StorageUnavailable("the folder of large checkpoints is empty, although runs have some")

    def _sweep(self, claim: Claim) -> None:
        """Delete files of checkpoints that were pruned or never committed. The next sweep retries failures."""
        if self._blobs.has_any(claim.run_id):
            with suppress(Unavailable):
                with self._database.read() as connection:
                    kept = checkpoints.blob_files(connection, claim.run_id)
                self._blobs.sweep(claim.run_id, claim.token, kept)
