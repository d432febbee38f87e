"""The network between the client and the real service. It records requests, and changes answers as a test asks."""

import json
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE = 2
"""Items per page: few, so that every list has several pages."""
LISTS = ("/v1/corpora", "/v1/jobs", "/v1/runs")
MAPS = ("gates", "grid", "quantiles", "statistics", "top_logprobs")
"""Fields whose objects have names as their keys. Any other object may get a new field."""

Change = Callable[[bytes], bytes]
Fault = Callable[[ASGIApp], ASGIApp]
"""Given the service, the application that answers a single request in its place."""


@dataclass(frozen=True)
class Asked:
    """A request as it arrived. `target` is its path as it was sent, percent-encoding included."""

    method: str
    target: str
    query: list[tuple[str, str]]
    headers: Headers
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


class Wire:
    """Forwards requests to the real service, and its answers back.

    It imitates a future version of the service: every JSON object has a field that no client knows yet. Lists come in
    short pages.

    Attributes:
        asked: the requests since the last `reset`.
        faults: each of them spoils one request, in this order.
        change: turns each event of a stream, and the whole body of any other answer, into what the client gets.
    """

    asked: list[Asked]
    faults: list[Fault]
    change: Change

    def __init__(self, service: ASGIApp) -> None:
        self._service = service
        self._open = 0
        self._one_ended = threading.Condition()
        self.reset()

    def reset(self) -> None:
        """Forget the requests, and forward every answer unchanged."""
        self.asked, self.faults = [], []
        self.change = lambda part: part

    def wait_until_idle(self) -> None:
        """Return when no request is being answered, so that the service, too, knows which clients have disconnected."""
        with self._one_ended:
            assert self._one_ended.wait_for(lambda: self._open == 0, timeout=60)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._service(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        query = parse_qsl(scope["query_string"].decode())
        written = json.loads(body) if body else None
        self.asked.append(Asked(scope["method"], scope["raw_path"].decode(), query, Headers(scope=scope), written))
        service: ASGIApp = self._answer
        if self.faults:
            service = self.faults.pop(0)(service)
        self._count(1)
        try:
            await service(scope, _again(body, receive), send)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._one_ended:
            self._open += change
            self._one_ended.notify_all()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET" and scope["path"] in LISTS:
            scope = {**scope, "query_string": scope["query_string"] + f"&limit={PAGE}".encode()}
        await self._service(scope, receive, _Changed(send, lambda part: self.change(part)).send)


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` as it was before the body was read."""
    unread = [body]

    async def again() -> Message:
        return {"type": "http.request", "body": unread.pop()} if unread else await receive()

    return again


class _Changed:
    """One answer on its way."""

    def __init__(self, send: Send, change: Change) -> None:
        self._send, self._change = send, change
        self._start: Message = {}
        self._body = b""
        self._kind = ""

    async def send(self, message: Message) -> None:
        part = message.get("body", b"")
        if message["type"] == "http.response.start":
            self._start, self._kind = message, Headers(raw=message["headers"]).get("content-type", "")
            if self._is_stream:
                await self._send(message)
        elif self._is_stream:
            await self._send({**message, "body": self._change(event_from_the_future(part))})
        else:
            self._body += part
            if not message.get("more_body"):
                await self._send_whole()

    @property
    def _is_stream(self) -> bool:
        return self._kind.startswith("text/event-stream")

    async def _send_whole(self) -> None:
        is_json = "json" in self._kind and self._body != b""
        body = self._change(json_from_the_future(self._body) if is_json else self._body)
        headers = MutableHeaders(raw=list(self._start["headers"]))
        if "content-length" in headers:
            headers["content-length"] = str(len(body))
        await self._send({**self._start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


# -- The future -------------------------------------------------------------------------------------------------------


def from_the_future(value: Any, is_map: bool = False) -> Any:
    """JSON data in which every object has one more field."""
    if isinstance(value, list):
        return [from_the_future(item, is_map) for item in value]
    if isinstance(value, dict):
        known = {name: from_the_future(item, name in MAPS) for name, item in value.items()}
        return known if is_map else {**known, "from_the_future": [True]}
    return value


def json_from_the_future(body: bytes) -> bytes:
    return json.dumps(from_the_future(json.loads(body)), ensure_ascii=False).encode()


def event_from_the_future(part: bytes) -> bytes:
    return re.sub(rb"(?m)^data: (.*)$", lambda found: b"data: " + json_from_the_future(found[1]), part)


# -- Faults -----------------------------------------------------------------------------------------------------------


def instead(answer: ASGIApp) -> Fault:
    """Something in front of the service, such as a proxy, gives this answer. The service gets no request."""
    return lambda _: answer


@dataclass(frozen=True)
class Cut:
    """An event stream breaks after the event with this number: directly after it, or in the middle of the next one.

    A stream that breaks cleanly ends as if it were complete, as it does when the service stops.
    """

    after: int
    inside: bool = False
    cleanly: bool = False

    def __call__(self, service: ASGIApp) -> ASGIApp:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            over = False

            async def until_over(message: Message) -> None:
                nonlocal over
                part = message.get("body", b"")
                await send({**message, "body": part[: len(part) // 2]} if over else message)
                if over or (self._is_last(part) and not self.inside):
                    raise ConnectionResetError
                over = self._is_last(part)

            with suppress(ConnectionResetError):
                await service(scope, receive, until_over)
            if self.cleanly:
                await send({"type": "http.response.body"})

        return broken

    def _is_last(self, part: bytes) -> bool:
        return f"id: {self.after}\n".encode() in part
