"""How often the same line may be logged, so that refused requests cannot fill a disk."""

import threading
import time
from collections.abc import Callable, Mapping

MOST_LINES = 60
"""The most lines of one kind that are written in a period."""
SECONDS = 60.0


class LineLimit:
    """Counts lines by their kind. A period of a kind begins with its first line. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._counts: dict[str, int] = {}
        self._ends: dict[str, float] = {}

    def admits(self, kind: str) -> bool:
        """Count a line of this kind. Returns whether it may be written.

        Args:
            kind: one of a few words, never a client's text.
        """
        with self._lock:
            self._ends.setdefault(kind, self._clock() + SECONDS)
            count = self._counts[kind] = self._counts.get(kind, 0) + 1
            return count <= MOST_LINES

    def left_out(self) -> Mapping[str, int]:
        """The lines of each kind that were not written in the periods that have ended, each counted once."""
        with self._lock:
            now = self._clock()
            ended = [kind for kind, end in self._ends.items() if end <= now]
            counts = {kind: self._counts.pop(kind) - MOST_LINES for kind in ended}
            for kind in ended:
                del self._ends[kind]
            return {kind: count for kind, count in counts.items() if count > 0}
