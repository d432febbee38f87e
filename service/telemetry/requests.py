"""Counts and times requests, and logs a line for each."""

import re
import time
from contextvars import ContextVar
from secrets import token_hex

from starlette.types import Message, Scope

from gatelab import logs
from service import problems
from service.telemetry.instruments import Instruments

WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
UNKNOWN_ROUTE = "unknown"
PROBES = {"/healthz", "/readyz", "/metrics"}
"""Addresses that machines request every few seconds. They are logged only if they fail."""

_arrived: ContextVar[float] = ContextVar("arrived")


def seconds_since_arrival() -> float:
    """Seconds since the request that is served here arrived."""
    return time.perf_counter() - _arrived.get()


def arrive() -> None:
    """Set the present moment as the arrival of the request that is served here."""
    _arrived.set(time.perf_counter())


class Watched:
    """One request that is being served."""

    def __init__(self, instruments: Instruments, scope: Scope, id: str) -> None:
        self._instruments, self._scope, self._id = instruments, scope, id
        self.status: int | None = None
        self._streaming = False
        self._seconds: float | None = None

    def starts(self, message: Message) -> None:
        """Note the beginning of its answer."""
        self.status = message["status"]
        said = message["headers"]
        if any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in said):
            self._streaming, self._seconds = True, seconds_since_arrival()
            self._instruments.event_streams.labels(route_of(self._scope)).inc()

    def end(self) -> None:
        method, route, status = self._method(), route_of(self._scope), self.status or problems.GONE
        if self._streaming:
            self._instruments.event_streams.labels(route).dec()
        seconds = seconds_since_arrival()
        self._instruments.answered(method, route, status, seconds if self._seconds is None else self._seconds)
        if logs.may_repeat(f"request {route} {status}") if status >= 400 else route not in PROBES:
            logs.often("request", self._id, method=method, route=route, status=status, milliseconds=seconds * 1000)

    def _method(self) -> str:
        return self._scope["method"] if self._scope["method"] in METHODS else "other"


def route_of(scope: Scope) -> str:
    """The template of the route that answers, such as `/v1/runs/{run}`: one of few values for all addresses."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return path if isinstance(path, str) else UNKNOWN_ROUTE


def request_id(given: bytes | None) -> str:
    """The client's own id, if it may be written to a log."""
    text = given.decode("latin-1") if given else ""
    return text if WELL_FORMED.fullmatch(text) else token_hex(16)
