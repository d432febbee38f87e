"""A cache of recent lookups that are still true: the owners of keys, jobs and runs."""

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from gatelab.store.changes import Changes

Value = TypeVar("Value")

SECONDS = 5.0
"""The longest time that an entry is used, whatever the database reports."""
MOST = 10_000
"""What is remembered at once; then everything is forgotten."""


class LookupCache(Generic[Value]):
    """Values by what they were looked up with. To be used in the event loop alone.

    Each was found under a stamp of the database (`Changes`) and is forgotten with it: a revocation or deletion by
    another process counts at once, as if every request read the database.
    """

    def __init__(self, changes: Changes, clock: Callable[[], float] = time.monotonic) -> None:
        self._changes, self._clock = changes, clock
        self._values: dict[Hashable, tuple[Value, float]] = {}
        self._stamp: int | None = None

    def find(self, key: Hashable) -> Value | None:
        """What is remembered and still holds."""
        self._forget_what_may_not_hold()
        found = self._values.get(key)
        return found[0] if found is not None and self._clock() < found[1] else None

    def stamp(self) -> int | None:
        """To be asked for before a look at the database, and told with what it found."""
        self._forget_what_may_not_hold()
        return self._stamp

    def keep(self, key: Hashable, value: Value, stamp: int | None) -> None:
        """Remember what was found by a look that began under this stamp, unless it may have changed meanwhile."""
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
