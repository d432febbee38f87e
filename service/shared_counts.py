"""Counts that several processes of the service share in a Redis or Valkey server.

While that server is unavailable, each process counts for itself.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from redis.asyncio import Redis

LEASE_SECONDS = 30.0
"""Seconds after which a place counts as free if its process has not renewed it."""
RENEW_SECONDS = 10.0
QUIET_SECONDS = 5.0
"""Seconds for which a server that did not answer is not asked again."""
BLOCKS = 50
"""A process takes a fiftieth of a key's requests per second in advance, so that few requests wait for the server."""
_PREFIX = "gatelab"

_TAKE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
redis.call('EXPIRE', KEYS[1], 2 * tonumber(ARGV[2]))
return 1
"""
_RENEW = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[1]), ARGV[2])
redis.call('EXPIRE', KEYS[1], 2 * tonumber(ARGV[1]))
"""

log = structlog.get_logger(__name__)


class SharedCounts:
    """The counts at one server, `redis://`, `rediss://` or `unix://` its socket. To be used in the event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis: Redis | None = None
        self._limiter: Any = None
        self._quiet_until = 0.0
        self._blocks: dict[str, tuple[int, float]] = {}
        self._held: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def hit(self, key: str, most: int) -> bool:
        """Count a request of this key; False if all processes together exceed the limit per second."""
        left, until = self._blocks.get(key, (0, 0.0))
        if not left or time.monotonic() >= until:
            left = 0
            for block in sorted({1, max(1, most // BLOCKS)}, reverse=True):
                if await self._may(key, most, block):
                    left = block
                    break
            if not left:
                return False
            if len(self._blocks) > 1000:
                self._blocks.clear()
            until = time.monotonic() + 1.0
        self._blocks[key] = left - 1, until
        return True

    async def take(self, limit: str, account: str, most: int) -> Callable[[], None] | None:
        """Take one of `most` places; the returned function frees it. None if all are taken."""
        name, member = f"{_PREFIX}:{limit}:{account}", token_hex(8)
        if await self._run(_TAKE, name, most, int(LEASE_SECONDS), member, otherwise=1) == 0:
            return None
        place, loop = (name, member), asyncio.get_running_loop()
        self._held.add(place)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())

        def give_back() -> None:
            with suppress(RuntimeError):  # the loop has ended; the lease will end by itself
                loop.call_soon_threadsafe(self._give_back, place)

        return give_back

    async def close(self) -> None:
        for task in (*self._tasks, *filter(None, [self._renewing])):
            task.cancel()
        if self._redis is not None:
            for place in self._held:
                await self._drop(place)
            await self._redis.aclose()

    def _give_back(self, place: tuple[str, str]) -> None:
        if place in self._held:
            self._held.discard(place)
            task = asyncio.ensure_future(self._drop(place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drop(self, place: tuple[str, str]) -> None:
        await self._ask(lambda redis: redis.zrem(*place), None)

    async def _renew(self) -> None:
        while self._held:
            await asyncio.sleep(RENEW_SECONDS)
            for name, member in list(self._held):
                await self._run(_RENEW, name, int(LEASE_SECONDS), member)

    async def _run(self, script: str, name: str, *arguments: object, otherwise: Any = None) -> Any:
        return await self._ask(lambda redis: redis.eval(script, 1, name, *map(str, arguments)), otherwise)

    async def _may(self, key: str, most: int, cost: int) -> bool:
        from limits import RateLimitItemPerSecond

        async def hit(_: Any) -> bool:
            found: bool = await self._limiter.hit(RateLimitItemPerSecond(most), _PREFIX, key, cost=cost)
            return found

        return bool(await self._ask(hit, True))

    async def _ask(self, question: Callable[[Any], Any], otherwise: Any) -> Any:
        """The server's answer, or a default while the server is unavailable."""
        if time.monotonic() < self._quiet_until:
            return otherwise
        from redis.exceptions import RedisError

        try:
            return await question(self._connected())
        except (RedisError, OSError) as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("each process counts for itself: counts_url cannot be reached", error=str(error))
            return otherwise

    def _connected(self) -> "Redis":
        if self._redis is None:
            from limits.aio.storage import RedisStorage
            from limits.aio.strategies import MovingWindowRateLimiter
            from redis.asyncio import Redis

            patience: dict[str, Any] = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
            self._redis = Redis.from_url(self._url, **patience)
            scheme = "redis+unix" if self._url.startswith("unix://") else self._url.partition("://")[0]
            address = f"async+{scheme}://{self._url.partition('://')[2]}"
            storage = RedisStorage(address, implementation="redispy", key_prefix=_PREFIX, **patience)
            self._limiter = MovingWindowRateLimiter(storage)
        return self._redis
