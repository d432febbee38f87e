"""Turns for work that many requests want at once: one in each iteration of the event loop.

An answer takes several iterations. If an iteration had work for each of many other requests, it would wait for all of
that several times over.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

from starlette.types import Message, Receive


class Pacing:
    """Gives out turns, in the order in which they were asked for, at most one in an iteration of the event loop.

    If no turn was given in this iteration, the first to ask gets it at once.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], object]] = deque()
        self._given = False
        """Whether somebody has had a turn in this iteration."""

    def call(self, use: Callable[[], object]) -> None:
        """Call `use` when its turn has come."""
        if self._given:
            self._waiting.append(use)
        else:
            self._begin()
            use()

    def _begin(self) -> None:
        self._given = True
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._given = False
        if self._waiting:
            self._begin()
            self._waiting.popleft()()

    async def turn(self) -> None:
        """Wait for a turn."""
        own = asyncio.Event()
        self.call(own.set)
        await own.wait()

    def paced(self, receive: Receive) -> Receive:
        """Receive each piece of a body after the first in turn, and everything after the body at once.

        uvloop reads up to 256 KiB from each connection at a time: 45 uploads would copy 11 MiB in one iteration.
        """
        first, ended = True, False

        async def received() -> Message:
            nonlocal first, ended
            if not (first or ended):
                await self.turn()
            message = await receive()
            first, ended = False, not message.get("more_body", False)
            return message

        return received


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Pacing] = WeakKeyDictionary()


def large_pieces() -> Pacing:
    """The turns for pieces of large bodies, and for pieces of answers that take milliseconds."""
    return _of_loops.setdefault(asyncio.get_running_loop(), Pacing())
