"""The events of a job, append-only and numbered 1, 2, 3, ... without gaps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from gatelab.store import pagination
from gatelab.store.clock import now
from gatelab.store.engine import Database
from gatelab.store.job_counts import count_runs
from gatelab.store.states import FINISHED, job_state
from gatelab.store.tables import events, jobs
from gatelab.wire.base import moment
from gatelab.wire.events import JobEvent, read_event

LOOK_CHARACTERS = 2**18
"""Reading the events of a job ends with the one whose texts exceed this. Each stream holds as much in memory."""


@dataclass(frozen=True)
class Event:
    """A row: `seq` is its number in the job, `created_at` is seconds since 1970."""

    seq: int
    type: str
    run_id: str | None
    data: Mapping[str, Any]
    created_at: float

    @property
    def told(self) -> JobEvent:
        """What happened."""
        return read_event(self.type, self.run_id, moment(self.created_at), self.data)


_COUNTS = select(jobs.c.id, jobs.c.event_count).where(jobs.c.id.in_(bindparam("jobs", expanding=True)))


class Events:
    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, job_id: str, seq: int) -> tuple[bool, list[Event]]:
        """Whether a job's last event has happened and been read, and its events after `seq`, the first that
        `LOOK_CHARACTERS` hold.

        An empty list means that no event follows `seq`. A deleted job has none.
        """
        with self._database.read() as connection:
            counted = count_runs(connection, [job_id])
            ended = job_id not in counted or job_state(counted[job_id].counts) in FINISHED
            found, more = _after(connection, job_id, seq)
            return ended and not more, found

    def counts(self, job_ids: Sequence[str]) -> dict[str, int]:
        """The number of the last event of each of these jobs that exists."""
        return {row["id"]: row["event_count"] for row in self._database.all(_COUNTS, {"jobs": job_ids})}


def _after(connection: Connection, job_id: str, seq: int) -> tuple[list[Event], bool]:
    """The first events of a job after `seq`, and whether others follow them."""
    query = (
        select(*(events.c[name] for name in Event.__dataclass_fields__))
        .where(events.c.job_id == job_id, events.c.seq > seq)
        .order_by(events.c.seq)
        .limit(pagination.LARGEST_PAGE + 1)
    )
    rows, more = pagination.first_rows(connection, query, pagination.LARGEST_PAGE, _size, LOOK_CHARACTERS)
    return [Event(**row) for row in rows], more


def _size(row: RowMapping) -> int:
    """Characters of the texts of an event: those of a sample may be long."""
    return sum(len(value) for value in row["data"].values() if isinstance(value, str))


def append(connection: Connection, job_id: str, new: Sequence[JobEvent]) -> None:
    """Number and write events.

    This locks the job's row until the transaction ends, so that numbers become visible in their order and a reader that
    asks for events after its last one misses none. Code that also locks runs must lock them before.
    """
    if not new:
        return
    count = jobs.c.event_count + len(new)
    last: int = connection.execute(
        update(jobs).where(jobs.c.id == job_id).values(event_count=count).returning(jobs.c.event_count)
    ).scalar_one()
    first = last - len(new) + 1
    connection.execute(
        insert(events).values(created_at=now()),
        [
            {"job_id": job_id, "seq": seq, "type": event.type, "run_id": event.run, "data": event.stored()}
            for seq, event in enumerate(new, start=first)
        ],
    )
