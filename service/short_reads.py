"""Short reads of the database: in the event loop for SQLite, or else in a thread."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from gatelab.errors import Unavailable
from gatelab.settings import Settings
from gatelab.store import Store

Found = TypeVar("Found")

THREADS = 8
"""Threads only for these reads, so that no other work delays them."""


class ShortReads:
    """Reads a few rows of a store.

    A reader of SQLite never waits for a writer, and a thread would take longer than such a read. If another process
    locks the whole file, a thread waits for it, as for PostgreSQL.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._here = Store(settings, busy_seconds=0) if store.database.path is not None else None
        self._threads = CapacityLimiter(THREADS)

    async def look(self, ask: Callable[[Store], Found]) -> Found:
        """The result of `ask`, which must read little and write nothing."""
        if self._here is not None:
            try:
                return ask(self._here)
            except Unavailable:
                pass  # a thread reads again
        return await to_thread.run_sync(ask, self._store, limiter=self._threads)

    def close(self) -> None:
        if self._here is not None:
            self._here.close()
