"""Requests that httptools reads, with the checks that h11 makes.

httptools is several times as fast as h11. By itself it accepts a head of any length and any number of Host headers
(RFC 9112, section 3.2: exactly one).
"""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

MOST_HEAD_BYTES = 64 * 1024
"""The most bytes of a request's line and headers together, as for h11 with uvicorn's setting."""


class _RefusedError(Exception):
    """The head of a request is not valid. httptools turns this into an answer with 400."""


def _unless_gone(cycle: RequestResponseCycle, app: "ASGI3Application") -> "ASGI3Application":
    """The application, unless the client has gone. If many clients come and go, the loop also reads requests of those
    that left before they were accepted."""

    async def answer(scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
        await asyncio.sleep(0)  # the loop reads from the connection once more, and may find that it has ended
        if cycle.transport.is_closing():
            cycle.disconnected = True  # uvicorn notices it later, and would log a missing answer as an error
        else:
            await app(scope, receive, send)

    return answer


class StrictHttpTools(HttpToolsProtocol):
    """Answers 400 to a request whose head is too long, or has not exactly one Host."""

    _head_bytes: int | None = None
    """What has arrived of a head that is not complete; None between heads."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_bytes is None or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES:
            self.logger.warning("a request's head has over %d bytes", MOST_HEAD_BYTES)
            self.send_400_response(HTTPStatus.BAD_REQUEST.phrase)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        super()._start_asgi_task(cycle, _unless_gone(cycle, app))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        # Each also has ": " and the end of its line.
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MOST_HEAD_BYTES:
            raise _RefusedError(f"address and headers have more than {MOST_HEAD_BYTES} bytes")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise _RefusedError("the Host header must be given exactly once")
        super().on_headers_complete()
