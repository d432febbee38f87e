"""Finds the jobs with new events by one query of the database for all waiting streams, and reads these events once."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from anyio import to_thread

from gatelab.errors import Unavailable
from gatelab.store import Store
from service.streams import Stopping, event

LOOK_SECONDS = 0.25
"""Seconds between two queries for new events."""


@dataclass(frozen=True)
class News:
    """
    Attributes:
        ended: whether the job has ended or was deleted, and no events follow these.
        events: the number and the message of the first events that a stream has not seen; empty if it has seen all of
            them.
    """

    ended: bool
    events: Sequence[tuple[int, bytes]]


class EventPoller:
    """Queries the numbers of the last events of all jobs whose streams wait, and wakes those that have more.

    Args:
        stopping: true once the service stops. Then all streams are woken.
    """

    def __init__(self, store: Store, stopping: Stopping) -> None:
        self._store, self._stopping = store, stopping
        self._last: Mapping[str, int | None] = {}
        self._waiting: dict[asyncio.Future[None], tuple[str, int]] = {}
        """By the future that wakes a stream: its job, and the number of the last event that it has seen."""
        self._looking: asyncio.Task[None] | None = None
        self._readings: dict[tuple[str, int], asyncio.Future[News]] = {}

    async def wait(self, job: str, seen: int, seconds: float) -> bool:
        """Wait until the job has events after the number `seen`, or is gone, but at most `seconds`.

        While the database is unavailable, this finds no events.
        """
        wakes = asyncio.get_running_loop().create_future()
        self._waiting[wakes] = job, seen
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_while_any_waits())
        try:
            await asyncio.wait_for(wakes, seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(wakes, None)
        return True

    async def _look_while_any_waits(self) -> None:
        while self._waiting:
            await asyncio.sleep(LOOK_SECONDS)
            if self._waiting and not self._stopping:
                await self._look(list(dict.fromkeys(job for job, _ in self._waiting.values())))
            for wakes, (job, seen) in list(self._waiting.items()):
                if self._stopping or (job in self._last and self.may_have_more(job, seen)):
                    del self._waiting[wakes]
                    if not wakes.done():  # it is if its stream has just waited for long enough
                        wakes.set_result(None)

    async def _look(self, jobs: list[str]) -> None:
        with suppress(Unavailable):
            counts = await to_thread.run_sync(self._store.events.counts, jobs)
            self._last = {job: counts.get(job) for job in jobs}

    def may_have_more(self, job: str, seen: int) -> bool:
        """Whether the job may have events after the number `seen`, according to the latest query."""
        last = self._last.get(job)
        return last is None or last > seen

    async def since(self, job: str, seen: int) -> News:
        """The events of a job after the number `seen`. All streams that ask between two looks share one query.

        Raises:
            Unavailable: the database cannot be reached.
        """
        key = job, seen
        if (reading := self._readings.get(key)) is None:
            reading = self._readings[key] = asyncio.ensure_future(to_thread.run_sync(self._read, job, seen))
            reading.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(reading)

    def _forget(self, key: tuple[str, int], done: "asyncio.Future[News]") -> None:
        """Forget news once all streams have read it. An empty answer is forgotten at once: events may come now."""
        if done.cancelled() or done.exception() is not None or not done.result().events:
            del self._readings[key]
        else:
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._readings.pop, key)

    def _read(self, job: str, seen: int) -> News:
        ended, found = self._store.events.since(job, seen)
        return News(ended, [(each.seq, event(each.told, each.type, each.seq)) for each in found])
