"""Turns at the processors, for threads that compute: as many at once as there are processors, the others in order."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

QUANTUM_SECONDS = 0.02
"""How long a thread computes before it lets the next one go on."""
PATIENCE_SECONDS = 1.0
"""How long a thread waits for a turn. After that it computes beside the others, since one of them may wait for it."""


class Turns:
    """Gives out turns, in the order in which threads ask for them.

    More threads than processors would make nothing faster, and each of them delays the event loop: it waits for the
    interpreter's lock behind all of them.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        """The turns that nobody has; negative while impatient threads compute beside the others."""
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._thread = threading.local()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Compute in here. Waits until it is this thread's turn."""
        self._take()
        try:
            yield
        finally:
            self._give()

    def pause(self) -> None:
        """Let the threads that wait go first, if this one has computed for `QUANTUM_SECONDS`."""
        if self._waiting and time.monotonic() - self._thread.since > QUANTUM_SECONDS:
            self._give()
            self._take()

    def _take(self) -> None:
        with self._lock:
            if self._free > 0:
                self._free -= 1
                turn = None
            else:
                self._waiting.append(turn := threading.Event())
        if turn is not None and not turn.wait(PATIENCE_SECONDS):
            self._do_without(turn)
        self._thread.since = time.monotonic()

    def _do_without(self, turn: threading.Event) -> None:
        with self._lock:
            if not turn.is_set():
                self._waiting.remove(turn)
                self._free -= 1

    def _give(self) -> None:
        with self._lock:
            if self._waiting and self._free >= 0:
                self._waiting.popleft().set()
            else:
                self._free += 1
