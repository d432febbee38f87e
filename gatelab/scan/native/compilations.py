"""Telling whoever waited for a compiler what it was at."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from gatelab.specs.training import Precision


@dataclass(frozen=True)
class Compilation:
    """Code of a cell that was not there yet.

    Attributes:
        digest: of the cell's representation.
        seconds: that the compiler took.
    """

    digest: str
    precision: Precision
    seconds: float


_listener: ContextVar[Callable[[Compilation], None] | None] = ContextVar("listener", default=None)


@contextmanager
def compilations(tell: Callable[[Compilation], None]) -> Iterator[None]:
    """Within it, `tell` hears of all that this thread has compiled: not of what the library or the folder had."""
    token = _listener.set(tell)
    try:
        yield
    finally:
        _listener.reset(token)


def note(compilation: Compilation) -> None:
    if (tell := _listener.get()) is not None:
        tell(compilation)
