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
    """Of each account, at most `most` at once."""

    def __init__(self, limit: str, most: int) -> None:
        self._limit, self._most = limit, most
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def take(self, account: str) -> Callable[[], None]:
        """One more, until what is returned is called, which does so once.

        Raises:
            Overloaded: there are as many as may be.
        """
        with self._lock:
            if self._open[account] >= self._most:
                raise Overloaded(f"{self._most} are open, the limit {self._limit}; try again when one has ended")
            self._open[account] += 1
        given_back = threading.Event()

        def give_back() -> None:
            with self._lock:
                if not given_back.is_set():
                    given_back.set()
                    self._open[account] -= 1

        return give_back


class Quotas:
    def __init__(self, limits: Limits) -> None:
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
