"""What happens around every request: it gets an id, is counted and timed, and leaves one line in the log.

Nothing of what a request or its answer says is looked at: no header but the id, no body, no query, no raw path.
"""

import re
import time
from contextvars import ContextVar
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems
from service.telemetry.instruments import Instruments

REQUEST_ID = "X-Request-Id"
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
UNKNOWN_ROUTE = "unknown"
PROBES = {"/healthz", "/readyz", "/metrics"}
"""Asked every few seconds by machines: they are logged when they fail alone."""

log = structlog.get_logger(__name__)
_arrived: ContextVar[float] = ContextVar("arrived")


def seconds_since_arrival() -> float:
    """Since the request that is being served here has arrived."""
    return time.perf_counter() - _arrived.get()


class Watching:
    """Watches every request of an app. To be added last: it then sees a request first.

    A fault of ours is answered here, with the request's id, which its log line has too.
    """

    def __init__(self, app: ASGIApp, instruments: Instruments) -> None:
        self.app, self.instruments = app, instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get(REQUEST_ID))
        _arrived.set(time.perf_counter())
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            watched = _Watched(self.instruments, scope, send, request_id)
            try:
                await self.app(scope, receive, watched.send)
            except Exception as error:
                if watched.status is not None:  # half of the answer is sent: the server can only cut it off
                    problems.unexpected(error)
                    raise
                await problems.response(problems.unexpected(error))(scope, receive, watched.send)
            finally:
                watched.end()


class _Watched:
    """One request on its way."""

    def __init__(self, instruments: Instruments, scope: Scope, send: Send, request_id: str) -> None:
        self._instruments, self._scope, self._send, self._id = instruments, scope, send, request_id
        self.status: int | None = None
        self._streaming = False
        self._seconds: float | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self._id
            self.status = message["status"]
            if headers.get("content-type", "").startswith("text/event-stream"):
                self._streaming, self._seconds = True, seconds_since_arrival()
                self._instruments.event_streams.labels(route_of(self._scope)).inc()
        await self._send(message)

    def end(self) -> None:
        method, route, status = self._method(), route_of(self._scope), self.status or problems.GONE
        if self._streaming:
            self._instruments.event_streams.labels(route).dec()
        seconds = seconds_since_arrival()
        self._instruments.requests.labels(method, route, str(status)).inc()
        self._instruments.request_seconds.labels(method, route).observe(
            seconds if self._seconds is None else self._seconds
        )
        if route not in PROBES or status >= 400:
            log.info("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 3))

    def _method(self) -> str:
        return self._scope["method"] if self._scope["method"] in METHODS else "other"


def route_of(scope: Scope) -> str:
    """The template of the route that answers, such as `/v1/runs/{run}`: one of few values, whatever was asked for."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return path if isinstance(path, str) else UNKNOWN_ROUTE


def _request_id(given: str | None) -> str:
    """The client's own, if it is one that may stand in a log."""
    return given if given and WELL_FORMED.fullmatch(given) else uuid4().hex
