"""Server-sent events, and how they end when the service is asked to stop."""

import signal
import threading
from collections.abc import AsyncIterator, Iterator
from types import FrameType
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel


class Stopping:
    """Set once the process is asked to stop, so that open streams end and the server can.

    uvicorn waits for open responses before it runs an application's shutdown, so the signal itself is watched.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()

    def __bool__(self) -> bool:
        return self._asked.is_set()

    def watch_signals(self) -> None:
        """Let SIGTERM and SIGINT set this before they reach the existing handlers. Needs the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            self._chain(number)

    def _chain(self, number: signal.Signals) -> None:
        before = signal.getsignal(number)

        def handler(signum: int, frame: FrameType | None) -> None:
            self._asked.set()
            if callable(before):
                before(signum, frame)

        signal.signal(number, handler)


def event(data: BaseModel, name: str | None = None, number: int | None = None) -> bytes:
    """One server-sent event with JSON data."""
    return format_sse_event(data_str=data.model_dump_json(), event=name, id=None if number is None else str(number))


KEEP_ALIVE = KEEPALIVE_COMMENT


class EventStream(StreamingResponse):
    """Names the kind of answer in the API's description. (FastAPI calls routes of its own class differently.)"""

    media_type = "text/event-stream"


def stream(events: AsyncIterator[bytes] | Iterator[bytes], **options: Any) -> StreamingResponse:
    """A response of server-sent events that proxies neither cache nor buffer."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return EventSourceResponse(events, headers=headers, **options)
