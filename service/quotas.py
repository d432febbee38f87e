"""How much one key or account may ask for at a time. Each process of the service counts for itself."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


class Amount:
    """Of each account, at most `most` together. One that asks for nothing else may have more: what it asks for may be
    larger."""

    def __init__(self, limit: str, most: int) -> None:
        self._limit, self._most = limit, most
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, account: str, amount: int) -> Iterator[None]:
        """So much more, within this block.

        Raises:
            Overloaded: that would be more than may be.
        """
        with self._lock:
            taken = self._taken[account]
            if taken and taken + amount > self._most:
                raise Overloaded(
                    f"requests of this account with {taken} bytes are not answered yet, and the limit {self._limit} is"
                    f" {self._most}; try again when one has been answered"
                )
            self._taken[account] += amount
        try:
            yield
        finally:
            with self._lock:
                self._taken[account] -= amount
                if not self._taken[account]:
                    del self._taken[account]


class Quotas:
    def __init__(self, limits: Limits) -> None:
        self.bodies = Amount("unanswered_bytes", limits.unanswered_bytes)
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
