"""A cache of recent lookups that are still true: the owners of keys, jobs and runs."""

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from gatelab.store.changes import Changes

Value = TypeVar("Value")

SECONDS = 5.0
"""The longest time that an entry is used, whatever the database reports."""
MOST = 10_000
"""The most entries; beyond it, all are forgotten."""


class LookupCache(Generic[Value]):
    """Looked-up values by their keys. For use in the event loop only.

    Each was found under a stamp of the database (`Changes`) and is forgotten with it, so a revocation or deletion by
    another process counts at once, as if every request read the database.
    """

    def __init__(self, changes: Changes, clock: Callable[[], float] = time.monotonic) -> None:
        self._changes, self._clock = changes, clock
        self._values: dict[Hashable, tuple[Value, float]] = {}
        self._stamp: int | None = None

    def find(self, key: Hashable) -> Value | None:
        """The cached value, if it is still valid."""
        self._forget_what_may_not_hold()
        found = self._values.get(key)
        return found[0] if found is not None and self._clock() < found[1] else None

    def stamp(self) -> int | None:
        """A stamp to take before a query of the database, and to pass on with its result."""
        self._forget_what_may_not_hold()
        return self._stamp

    def keep(self, key: Hashable, value: Value, stamp: int | None) -> None:
        """Cache the result of a query that began under this stamp, unless it may have changed meanwhile."""
        if stamp is None or stamp != self._stamp:
            return
        if len(self._values) >= MOST:
            self._values.clear()
        self._values[key] = value, self._clock() + SECONDS

    def _forget_what_may_not_hold(self) -> None:
        stamp = self._changes.stamp()
        if stamp is None or stamp != self._stamp:
            self._values.clear()
            self._stamp = stamp
