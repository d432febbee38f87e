"""Reports of compilations to the callers that waited for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from gatelab.specs.training import Precision


@dataclass(frozen=True)
class Compilation:
    """A compilation of the code of a cell.

    Attributes:
        digest: of the cell's representation.
        seconds: the time that the compiler took.
    """

    digest: str
    precision: Precision
    seconds: float


_listener: ContextVar[Callable[[Compilation], None] | None] = ContextVar("listener", default=None)


@contextmanager
def compilations(tell: Callable[[Compilation], None]) -> Iterator[None]:
    """Within it, `tell` is called for everything that this thread compiles, but not for code that already existed."""
    token = _listener.set(tell)
    try:
        yield
    finally:
        _listener.reset(token)


def note(compilation: Compilation) -> None:
    if (tell := _listener.get()) is not None:
        tell(compilation)
