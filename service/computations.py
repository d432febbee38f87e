"""Requests that compute: a bounded number at once for each account, in separate threads, while their clients wait.

They share no thread with anything else, so that key look-ups, health checks and database reads continue meanwhile.
Their threads take turns, so that the event loop never waits for the interpreter behind all of them.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from fastapi import Request

from gatelab.errors import Abandoned, Overloaded
from gatelab.machine import cores
from gatelab.specs import Limits
from service.turns import Turns

Result = TypeVar("Result")


class Run(Protocol):
    """Runs a computation of a request: see `Computations.run`."""

    def __call__(self, compute: Callable[[], Result]) -> Awaitable[Result]: ...


LOOK_SECONDS = 0.1
"""Seconds between two checks whether the client is still connected."""
THREADS = 64
"""Threads of one process for the computations of all accounts, and as many for their bodies. More wait."""

_current: ContextVar["_Computation[Any] | None"] = ContextVar("current", default=None)


def still_wanted() -> None:
    """Call this between two pieces of a computation. Other computations may have their turn here.

    Raises:
        Abandoned: the client has gone, so nobody would read the answer.
    """
    if (current := _current.get()) is not None:
        current.between_pieces()


def abandoned() -> Abandoned:
    """The error of a request that nobody waits for any more."""
    return Abandoned("the client has closed the connection")


class Computations:
    """Runs computations: `limits.computations` of an account at once, while `limits.waiting` more may wait."""

    def __init__(self, limits: Limits) -> None:
        self._at_once, self._most = limits.computations, limits.computations + limits.waiting
        self._accounts: dict[str, _Account] = {}
        self._reading: dict[str, _Account] = {}
        self._threads = ThreadPoolExecutor(THREADS, "computation")
        self._readers = ThreadPoolExecutor(THREADS, "body")
        # One processor stays free for everything else, where there are several.
        self._processors = Turns(max(1, cores() - 1))

    async def run(self, request: Request, account: str, compute: Callable[[], Result]) -> Result:
        """The result of `compute`, in a thread. If the client leaves, it does not begin, or `still_wanted` ends it.

        Raises:
            Overloaded: the largest number of the account's requests is waiting already.
            Abandoned: the client has gone.
        """
        own = self._accounts.get(account) or _Account(asyncio.Semaphore(self._at_once))
        if own.requests >= self._most:
            raise Overloaded(
                f"{own.requests} requests of this account are computing or waiting, as many as the limits computations"
                " and waiting allow together; try again when one has been answered"
            )
        with _counted(self._accounts, account, own):
            return await _until_gone(request, _Computation(own.turns, self._threads, self._processors, compute))

    async def read(self, account: str, parse: Callable[[], Result]) -> Result:
        """The result of parsing a body, in a thread and in turn: one body of an account at a time."""
        own = self._reading.get(account) or _Account(asyncio.Semaphore(1))
        with _counted(self._reading, account, own):
            async with own.turns:
                return await asyncio.get_running_loop().run_in_executor(self._readers, self._in_turn, parse)

    def _in_turn(self, work: Callable[[], Result]) -> Result:
        with self._processors.turn():
            return work()

    def close(self) -> None:
        """End the threads, each after its computation."""
        for threads in (self._threads, self._readers):
            threads.shutdown(wait=False, cancel_futures=True)


@dataclass
class _Account:
    """The requests of an account that are not answered yet."""

    turns: asyncio.Semaphore
    requests: int = 0


@contextmanager
def _counted(accounts: dict[str, _Account], name: str, own: _Account) -> Iterator[None]:
    """Count a request of an account, which is kept as long as it has any."""
    accounts[name] = own
    own.requests += 1
    try:
        yield
    finally:
        own.requests -= 1
        if not own.requests:
            del accounts[name]


@dataclass
class _Computation(Generic[Result]):
    turns: asyncio.Semaphore
    threads: ThreadPoolExecutor
    processors: Turns
    compute: Callable[[], Result]
    gone: threading.Event = field(default_factory=threading.Event)
    has_turn: bool = False

    async def answer(self) -> Result:
        async with self.turns:
            self.has_turn = True
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.threads, copy_context().run, self._in_thread)

    def _in_thread(self) -> Result:
        with self.processors.turn():
            _current.set(self)
            self.between_pieces()
            return self.compute()

    def between_pieces(self) -> None:
        self._check()
        self.processors.pause()
        self._check()  # the client may have gone while this thread waited

    def _check(self) -> None:
        if self.gone.is_set():
            raise abandoned()

    def abandon(self, answer: asyncio.Future[Result]) -> None:
        """Drop it if it waits, or notify its thread if it computes. It keeps its turn until it has noticed."""
        self.gone.set()
        if not self.has_turn:
            answer.cancel()


async def _until_gone(request: Request, computation: _Computation[Result]) -> Result:
    answer = asyncio.ensure_future(computation.answer())
    try:
        while not (await asyncio.wait({answer}, timeout=LOOK_SECONDS))[0]:
            if not computation.gone.is_set() and await request.is_disconnected():
                computation.abandon(answer)
    except asyncio.CancelledError:
        computation.abandon(answer)
        await asyncio.wait({answer})
        if not answer.cancelled():
            answer.exception()  # nobody else looks at it, and asyncio would log that
        raise
    if answer.cancelled():
        raise abandoned()
    return answer.result()
