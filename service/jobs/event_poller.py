"""Finds the jobs with new events by one query of the database for all open streams, and reads these events once."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from anyio import to_thread

from gatelab.errors import Unavailable
from gatelab.store import Store
from service.streams import event


@dataclass(frozen=True)
class News:
    """
    Attributes:
        ended: whether the job has ended or was deleted.
        events: the number and the message of the first events that a stream has not seen. If there are none, none
            follows; if the job has also ended, none ever will.
    """

    ended: bool
    events: Sequence[tuple[int, bytes]]


class EventPoller:
    """The numbers of the last events of all jobs that are watched.

    The first stream that asks after `seconds` queries for all of them; the others get its result.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watched: Counter[str] = Counter()
        self._last: Mapping[str, int | None] = {}
        # The monotonic clock may begin at 0 when the machine boots, so 0 would mean a query in the last minutes.
        self._looked = -math.inf
        self._readings: dict[tuple[str, int], asyncio.Future[News]] = {}

    @contextmanager
    def watched(self, job: str) -> Iterator[None]:
        """Within this block `of` may be asked of the job."""
        self._watched[job] += 1
        try:
            yield
        finally:
            self._watched[job] -= 1
            if not self._watched[job]:
                del self._watched[job]

    async def of(self, job: str, seen: int, seconds: float) -> bool:
        """Whether the job has events after the number `seen`, or is gone, according to a query at most `seconds` ago.

        While the database is unavailable there are none.
        """
        if time.monotonic() - self._looked >= seconds:
            self._looked = time.monotonic()
            await to_thread.run_sync(self._look, list(self._watched))
        last = self._last.get(job, seen)
        return last is None or last > seen

    def may_have_more(self, job: str, seen: int) -> bool:
        """Whether the job may have events after the number `seen`, according to the latest query."""
        last = self._last.get(job)
        return last is None or last > seen

    async def since(self, job: str, seen: int, seconds: float) -> News:
        """The events of a job after the number `seen`. All streams that ask within `seconds` share one query.

        Raises:
            Unavailable: the database cannot be reached.
        """
        key = job, seen
        if (reading := self._readings.get(key)) is None:
            reading = self._readings[key] = asyncio.ensure_future(to_thread.run_sync(self._read, job, seen))
            reading.add_done_callback(lambda done: self._forget(key, done, seconds))
        return await asyncio.shield(reading)

    def _forget(self, key: tuple[str, int], done: "asyncio.Future[News]", seconds: float) -> None:
        """Forget news once all streams have looked, and at once that there are none, since some may come now."""
        if done.cancelled() or done.exception() is not None or not done.result().events:
            del self._readings[key]
        else:
            asyncio.get_running_loop().call_later(seconds, self._readings.pop, key)

    def _read(self, job: str, seen: int) -> News:
        ended, found = self._store.events.since(job, seen)
        return News(ended, [(each.seq, event(each.told, each.type, each.seq)) for each in found])

    def _look(self, jobs: list[str]) -> None:
        try:
            counts = self._store.events.counts(jobs)
        except Unavailable:
            return
        self._last = {job: counts.get(job) for job in jobs}
