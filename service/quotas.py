"""Limits on what one key or account may use at a time.

All processes of the service count requests, texts and event streams together, at the server that `GATELAB_COUNTS_URL`
names; without it each counts for itself, as it does with bodies, which fill the memory of one process.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable

from gatelab.errors import Overloaded
from gatelab.specs import Limits
from service.shared_counts import SharedCounts

UNSENT_BYTES = 32 * 2**20
"""The most bytes of jobs that all streams of changes of an account hold at once, in each process of the service."""


class Concurrency:
    """At most `most` at once for each account. If amounts are counted, a larger one may be there alone."""

    def __init__(self, limit: str, most: int) -> None:
        self._limit, self._most = limit, most
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def take(self, account: str, amount: int = 1) -> Callable[[], None]:
        """Take this amount. The returned function gives it back once.

        Raises:
            Overloaded: that would exceed the limit.
        """
        with self._lock:
            there = self._open[account]
            if there and there + amount > self._most:
                raise Overloaded(
                    f"{there} are open, and the limit {self._limit} is {self._most}; try again when one has ended"
                )
            self._open[account] += amount
        held = amount

        def give_back() -> None:
            nonlocal held
            with self._lock:
                if held:
                    self._open[account] -= held
                    held = 0
                    if not self._open[account]:
                        del self._open[account]

        return give_back


class Unsent:
    """Bytes that an account's streams hold for clients that have not read them: at most `most` in this process.

    For use in the event loop's thread only.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()

    def reserve(self, account: str, size: int) -> "Reserved | None":
        """Room for `size` bytes; None while there is too little. An account that holds nothing gets any size."""
        if self._held[account] and self._held[account] + size > self._most:
            return None
        return Reserved(self._held, account, size)


class Reserved:
    """Room that a stream has taken."""

    def __init__(self, held: Counter[str], account: str, size: int) -> None:
        self._held, self._account, self._size = held, account, 0
        self.resize(size)

    def resize(self, size: int) -> None:
        """Set the actual size of the held data; 0 when it is sent."""
        self._held[self._account] += size - self._size
        self._size = size
        if not self._held[self._account]:
            del self._held[self._account]


class MovingWindow:
    """At most `most` requests of each key in any second."""

    SECONDS = 1.0
    _MOST_KEYS = 1000
    """The number of keys after which those that send no more requests are dropped."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def hit(self, key: str) -> bool:
        """Count a request, unless it exceeds the limit."""
        now = self._clock()
        times = self._times.get(key)
        if times is None:
            if len(self._times) >= self._MOST_KEYS:
                self._times = {each: kept for each, kept in self._times.items() if now - kept[-1] < self.SECONDS}
            times = self._times[key] = deque(maxlen=self.most)
        elif len(times) == self.most and now - times[0] < self.SECONDS:
            return False
        times.append(now)
        return True


class Places:
    """At most `most` of each account at once, in all processes that count together."""

    def __init__(self, limit: str, most: int, sharing: SharedCounts | None) -> None:
        self._limit, self._most, self._sharing = limit, most, sharing
        self._here = Concurrency(limit, most)

    async def take(self, account: str) -> Callable[[], None]:
        """Take one more. The returned function gives it back once.

        Raises:
            Overloaded: that would exceed the limit.
        """
        here = self._here.take(account)
        if self._sharing is None:
            return here
        try:
            there = await self._sharing.take(self._limit, account, self._most)
        except BaseException:
            here()
            raise
        if there is None:
            here()
            raise Overloaded(f"the limit {self._limit} is {self._most}; try again when one has ended")

        def give_back() -> None:
            here()
            there()

        return give_back


class Quotas:
    def __init__(self, limits: Limits, sharing: SharedCounts | None = None) -> None:
        self._sharing = sharing
        self.bodies = Concurrency("unanswered_bytes", limits.unanswered_bytes)
        self.generations = Places("generations", limits.generations, sharing)
        self.event_streams = Places("event_streams", limits.event_streams, sharing)
        self.unsent = Unsent(UNSENT_BYTES)
        self._rate = MovingWindow(limits.requests_per_second)

    async def check_rate(self, key: str) -> None:
        """
        Raises:
            Overloaded: the key has sent as many requests in the last second as it may.
        """
        most = self._rate.most
        if not self._rate.hit(key) or (self._sharing is not None and not await self._sharing.hit(key, most)):
            raise Overloaded(f"more than {most} requests in one second exceed the limit requests_per_second")
