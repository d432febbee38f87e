"""Turns at the processors, for threads that compute: a bounded number at once, and the others in order."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

QUANTUM_SECONDS = 0.02
"""How long a thread computes before it lets the next one go on."""
PATIENCE_SECONDS = 0.25
"""How long a thread may keep its turn while others wait. After that the next one gets the turn, and both compute: the
first may wait for a thread that has no turn, or compute without the interpreter's lock."""


@dataclass
class _Waiting:
    thread: int
    since: float
    turn: threading.Event = field(default_factory=threading.Event)


class Turns:
    """Gives out turns, in the order in which threads ask for them.

    More threads than processors would make nothing faster, and each of them delays the event loop: it waits for the
    interpreter's lock behind all of them.

    Threads that begin go before those that continue after a pause, so a short computation does not wait behind all long
    ones. Once a long one has waited for `PATIENCE_SECONDS`, the two lines alternate.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._began: dict[int, float] = {}
        """The time at which each thread that has a turn got it, the first one first."""
        self._waiting: deque[_Waiting] = deque()
        self._paused: deque[_Waiting] = deque()
        self._last = self._paused
        """The line that the last turn was given to."""
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Compute in here. Waits until it is this thread's turn."""
        self._take(self._waiting)
        try:
            yield
        finally:
            self._give()

    def pause(self) -> None:
        """Let the threads that wait go first, if this one has computed for `QUANTUM_SECONDS`."""
        began = self._began.get(threading.get_ident())
        others_wait = self._waiting or self._paused
        if began is None or (others_wait and time.monotonic() - began > QUANTUM_SECONDS):
            self._give()
            self._take(self._paused)

    def _take(self, line: deque[_Waiting]) -> None:
        own = _Waiting(threading.get_ident(), time.monotonic())
        with self._lock:
            line.append(own)
            seconds = self._give_out()
        while not own.turn.wait(seconds):
            with self._lock:
                seconds = self._give_out()

    def _give(self) -> None:
        with self._lock:
            self._began.pop(threading.get_ident(), None)
            self._give_out()

    def _give_out(self) -> float:
        """Give the free turns to those that wait. Returns the seconds until a thread has kept its turn for too long."""
        now = time.monotonic()
        while self._waiting or self._paused:
            if len(self._began) >= self._at_once:
                first, began = next(iter(self._began.items()))
                if (left := began + PATIENCE_SECONDS - now) > 0:
                    return left
                del self._began[first]
            following = self._following(now)
            self._began[following.thread] = now
            following.turn.set()
        return PATIENCE_SECONDS

    def _following(self, now: float) -> _Waiting:
        late = self._paused and now - self._paused[0].since >= PATIENCE_SECONDS
        begins = self._waiting and not (late and self._last is self._waiting)
        self._last = self._waiting if begins else self._paused
        return self._last.popleft()
