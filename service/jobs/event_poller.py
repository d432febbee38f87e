"""Finds the jobs with new events by one query of the database for all open streams."""

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from anyio import to_thread

from gatelab.errors import Unavailable
from gatelab.store import Store


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

    def _look(self, jobs: list[str]) -> None:
        try:
            counts = self._store.events.counts(jobs)
        except Unavailable:
            return
        self._last = {job: counts.get(job) for job in jobs}
