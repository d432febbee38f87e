"""A job's events as one stream, over lost connections and restarts of the service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from gatelab.client.errors import ApiError, ClientError, ConnectionFailed, UnexpectedAnswer
from gatelab.client.models import Event
from gatelab.client.transport import Transport, read_data

if TYPE_CHECKING:
    import httpx2

RECONNECT_SECONDS = 0.5
AWAY_STATUSES = (502, 503, 504)
"""Statuses of a proxy or a starting service, which are as temporary as a refused connection."""


def follow(
    transport: Transport, path: str, is_over: Callable[[int], bool], after: int, patience: float
) -> Iterator[Event]:
    """The events of `path` with ids over `after`, until the job ends.

    A lost connection is opened again after the last event seen, so none is missed or seen twice.

    Args:
        is_over: whether the job has ended and has no event after this number. Called when a stream ends without an
            event: it may have been cut off before the job ended.
        patience: seconds for which the service may be away.

    Raises:
        ConnectionFailed: the service was away for longer.
        ApiError: there is no such job.
    """
    away_since: float | None = None
    while True:
        latest: Event | None = None
        try:
            with transport.events(path, headers={"Last-Event-ID": str(after)}) as messages:
                away_since = None
                for event in map(read_event, messages):
                    after, latest = event.id, event
                    yield event
            if latest.type == "job_finished" if latest else is_over(after):
                return
        except ClientError as error:
            now = time.monotonic()
            away_since = away_since or now
            if not is_passing(error) or now - away_since > patience:
                raise
        time.sleep(RECONNECT_SECONDS)


def read_event(message: httpx2.ServerSentEvent) -> Event:
    """
    Raises:
        UnexpectedAnswer: the event has no number, or carries no JSON object.
    """
    data = read_data(message)
    if not message.id.isdecimal():
        raise UnexpectedAnswer(f"the event {message.event!r} has no number")
    return Event(id=int(message.id), type=message.event, run=data.get("run"), data=data)


def is_passing(error: ClientError) -> bool:
    """Whether a restart of the service can cause this fault."""
    return isinstance(error, ConnectionFailed) or (isinstance(error, ApiError) and error.status in AWAY_STATUSES)
