"""Takes runs back from silent workers. Any number of reapers may run, at any time."""

import time
from typing import Any

from sqlalchemy import Connection, or_, select, update

from gatelab.errors import Unavailable
from gatelab.settings import Settings
from gatelab.store.clock import now
from gatelab.store.engine import Database
from gatelab.store.states import State, settle
from gatelab.store.tables import jobs, runs
from gatelab.store.transitions import move
from gatelab.wire.runs import RunError

_WAKEUPS_AT_ONCE = 100
_LONGEST_LEASE = 3
"""A tolerance in leases: another worker's may be a little longer than this one's."""


class Reaper:
    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._max_crashes = settings.max_crashes
        self._rewake, self._lease = settings.rewake_seconds, settings.lease_seconds
        self._outage = _Outage(2 * settings.heartbeat_seconds)

    def reap(self) -> list[str]:
        """Take back the running runs whose lease is over; returns the ids of those that are queued again.

        They keep their place in the queue. The token stays, since the state already keeps the old owner out, and the
        next claim raises it. A run that killed its workers too often without a new checkpoint fails; one that was to be
        cancelled or paused is cancelled or paused. A lease that ends later than any new one could is over as well: the
        clock was set back since it was taken. After an outage of the database server, living workers get time to renew
        their leases, and a lease that could not be renewed counts as no crash.

        Raises:
            Unavailable: the database cannot be reached.
        """
        try:
            if self._outage.present:
                with self._database.read() as connection:
                    connection.execute(select(now()))
                self._outage.over()
            return [] if self._outage.waiting else self._reap()
        except Unavailable:
            # A file has no outages: a process that holds its lock has stopped, perhaps the one that owns the run.
            if self._database.path is None:
                self._outage.begin()
            raise

    def _reap(self) -> list[str]:
        queued: list[str] = []
        while True:
            with self._database.write() as connection:
                taken = self._take_one(connection)
            if taken is None:
                self._outage.forget()
                return queued
            run_id, state = taken
            if state is State.QUEUED:
                queued.append(run_id)

    def due_wakeups(self) -> int:
        """The number of queued runs for which nobody sent a wake-up lately, at most 100; they now count as woken.

        Raises:
            Unavailable: the database cannot be reached.
        """
        due = (
            select(runs.c.id)
            .where(runs.c.state == State.QUEUED, runs.c.woken_at < now() - self._rewake)
            .order_by(runs.c.queued_at, runs.c.id)
            .limit(_WAKEUPS_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        with self._database.write() as connection:
            ids = connection.scalars(due).all()
            if ids:
                connection.execute(update(runs).where(runs.c.id.in_(ids)).values(woken_at=now()))
        return len(ids)

    def _take_one(self, connection: Connection) -> tuple[str, State] | None:
        # Both rows are locked at once, and skipped if either is locked: a process that was stopped inside a
        # transaction must not stop the reaper too.
        latest = now() + _LONGEST_LEASE * self._lease
        expired = (
            select(runs.c.id, runs.c.crash_count, runs.c.cancel_requested, runs.c.pause_requested)
            .join(jobs, jobs.c.id == runs.c.job_id)
            .where(runs.c.state == State.RUNNING, or_(runs.c.lease_until < now(), runs.c.lease_until > latest))
            .order_by(runs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        run = connection.execute(expired).first()
        if run is None:
            return None
        crashes = run.crash_count + (not self._outage.forgiven)
        values: dict[str, Any] = {"crash_count": crashes}
        to = settle(State.QUEUED, cancel=run.cancel_requested, pause=run.pause_requested)
        if to is State.QUEUED and crashes >= self._max_crashes:
            to = State.FAILED
            message = f"{crashes} workers in a row fell silent while training it, without a new checkpoint"
            values["error"] = RunError(type="crashed", message=message).stored()
        move(connection, runs.c.id == run.id, to, values=values, reason="lease expired")
        return run.id, to


class _Outage:
    """The time in which a reaper could not reach the database, and in which perhaps no worker could either."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._until = 0.0
        self.present = False
        self.forgiven = False

    def begin(self) -> None:
        self.present = True

    def over(self) -> None:
        self.present, self.forgiven = False, True
        self._until = time.monotonic() + self._grace

    def forget(self) -> None:
        """All runs whose leases ended because of the outage have been taken back."""
        self.forgiven = False

    @property
    def waiting(self) -> bool:
        return time.monotonic() < self._until
