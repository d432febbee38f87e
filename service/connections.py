"""Limits for connections: silent ones, slow ones, and their number.

uvicorn gives an answered connection five seconds for its next request, but unlimited time for the first one, and for
one that has begun. Once the process has no file descriptors left, it accepts nobody.
"""

import asyncio
import resource
from typing import TYPE_CHECKING, Any

from service.pacing import large_pieces

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as Base
else:
    try:
        from service.http_parsing import StrictHttpTools as Base
    except ImportError:  # no httptools, as on Windows
        from uvicorn.protocols.http.h11_impl import H11Protocol as Base

SECONDS = 20.0
"""Seconds in which a request must arrive up to the end of its headers, and for which its body may pause."""
MOST = 4096
"""The most connections of one process, if it may open that many files."""
RESERVED = 256
"""Files that are left for everything else: the database, the broker, checkpoints."""


def raise_file_limit() -> None:
    """Let this process, and those that it starts, open as many files as they may, up to what is needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST + RESERVED if hard == resource.RLIM_INFINITY else min(hard, MOST + RESERVED)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def most_connections() -> int:
    """The most connections that this process may have at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft - RESERVED))


class Connection(Base):
    """A connection that is closed if it keeps the service waiting.

    If there are too many, the one that has been without a request for longest is closed; if all have one, the new one.
    """

    _idle: "dict[Connection, None]" = {}
    """The connections of this process, the one longest without a request first."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._deadline: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            self._make_room()
        if not transport.is_closing():
            self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._has_request():
            self._go_on()
            if self.cycle.more_body:
                self._set_deadline()
            return
        if self._deadline is None:
            self._wait()
        if self.cycle is not None and self.cycle.more_body:  # of a request that was refused before its body was read
            self.flow.pause_reading()
            large_pieces().call(self._read_on)

    def on_response_complete(self) -> None:
        self._go_on()
        super().on_response_complete()
        if not self.transport.is_closing() and not self._has_request():
            self._idle[self] = None  # until its next request; uvicorn closes it if none comes

    def connection_lost(self, exc: Exception | None) -> None:
        self._go_on()
        super().connection_lost(exc)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _has_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._idle[self] = None
        self._set_deadline()

    def _go_on(self) -> None:
        self._idle.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(SECONDS, self._be_late)

    def _be_late(self) -> None:
        if self.flow.read_paused:  # the service itself does not read on
            self._set_deadline()
        else:
            self._go_on()
            self.transport.abort()

    def _make_room(self) -> None:
        longest: Any = next(iter(self._idle), self)
        longest._go_on()
        longest.transport.abort()
