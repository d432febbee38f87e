"""How much one key or account may ask for at a time. Each process of the service counts for itself."""

import threading
from collections import Counter
from collections.abc import Callable

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gatelab.errors import Overloaded
from gatelab.specs import Limits


class Concurrency:
    """At most `most` at once for each account. If amounts are counted, a larger one may be there alone."""

    def __init__(self, limit: str, most: int) -> None:
        self._limit, self._most = limit, most
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def take(self, account: str, amount: int = 1) -> Callable[[], None]:
        """So much more, until what is returned is called, which gives it back once.

        Raises:
            Overloaded: that would be more than may be.
        """
        with self._lock:
            there = self._open[account]
            if there and there + amount > self._most:
                raise Overloaded(
                    f"{there} are open, the limit {self._limit} is {self._most}; try again when one has ended"
                )
            self._open[account] += amount
        given_back = threading.Event()

        def give_back() -> None:
            with self._lock:
                if not given_back.is_set():
                    given_back.set()
                    self._open[account] -= amount
                    if not self._open[account]:
                        del self._open[account]

        return give_back


class Quotas:
    def __init__(self, limits: Limits) -> None:
        self.bodies = Concurrency("unanswered_bytes", limits.unanswered_bytes)
        self.generations = Concurrency("generations", limits.generations)
        self.event_streams = Concurrency("event_streams", limits.event_streams)
        self._rate = RateLimitItemPerSecond(limits.requests_per_second)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check_rate(self, key: str) -> None:
        """
        Raises:
            Overloaded: the key has sent as many requests in the last second as it may.
        """
        if not self._limiter.hit(self._rate, key):
            raise Overloaded(f"more than {self._rate.amount} requests in a second, the limit requests_per_second")
