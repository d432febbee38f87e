"""/v1/jobs/{job}/events and /v1/jobs/changes: events and changes of jobs, as server-sent events."""

import weakref
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Annotated

from anyio import sleep, to_thread
from fastapi import Header, Query
from fastapi.responses import StreamingResponse

from gatelab.specs.integers import Count
from gatelab.wire.events import JobMessage
from gatelab.wire.jobs import Gone, Ready
from service.authorization import Asking, Caller, while_good
from service.context import Context, Service
from service.jobs.views import Job
from service.routing import Router
from service.streams import KEEP_ALIVE, EventStream, event, stream

# Its routes come before those of /v1/jobs/{job}, since `changes` is not the id of a job.
router = Router(prefix="/v1/jobs", tags=["jobs"])

LOOK_SECONDS = 0.25
"""Seconds between two queries of a stream for changed jobs."""
KEEP_ALIVE_SECONDS = 15.0
JOBS_AT_ONCE = 8
"""The number of jobs that are read from the database together."""
READING_BYTES = 8 * 2**20
"""The memory that reading a spec of a megabyte takes: its text, its objects and its message. It bounds how many specs
an account reads at once."""


@router.get("/changes", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def job_changes(
    service: Service,
    asking: Asking,
    limit: Annotated[int, Query(ge=1, le=1000, description="follow this many of the newest jobs")] = 100,
) -> StreamingResponse:
    """Follow the newest jobs as server-sent events: first all of them, then each one whenever it changes.

    `job` has a job as GET /v1/jobs/{job} answers it, oldest first in the beginning; `gone` the id of one that is no
    longer among the newest; `ready` says that all of them have been sent. A new connection
    starts over with all of them.
    """
    return await _counted(service, asking, _changes(service, asking.account, limit))


@router.get(
    "/{job}/events",
    response_class=EventStream,
    responses={
        200: {
            "model": JobMessage,
            "description": "The messages of the stream, one for each event",
            # FastAPI describes everything that is not JSON as a string.
            "content": {"text/event-stream": {"schema": {"type": "object"}}},
        }
    },
)
async def job_events(
    service: Service,
    asking: Asking,
    job: str,
    after: Annotated[Count, Query(description="number of the last event that the client has")] = 0,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", pattern=r"^[0-9]{1,9}$")] = None,
) -> StreamingResponse:
    """Follow the events of a job as server-sent events, from the start or after `Last-Event-ID`.

    The stream ends when the job has ended.
    """
    known = after if last_event_id is None else int(last_event_id)
    return await _counted(service, asking, _events(service, job, known))


async def _counted(service: Context, asking: Caller, events: AsyncGenerator[bytes]) -> StreamingResponse:
    """
    Raises:
        Overloaded: the account has as many streams open as it may.
    """
    ended = await service.quotas.event_streams.take(asking.account)
    counted = _until_ended(while_good(service, asking, events), ended)
    weakref.finalize(counted, ended)  # also for a client that left before it began
    return stream(counted)


async def _until_ended(events: AsyncGenerator[bytes], ended: Callable[[], None]) -> AsyncGenerator[bytes]:
    try:
        async with aclosing(events):
            async for item in events:
                yield item
    finally:
        ended()


async def _events(service: Context, job: str, known: int) -> AsyncGenerator[bytes]:
    """The events of one job. All streams of this process share the queries for news: `EventPoller`."""
    due = True
    # No client can have seen more events than exist. After a larger number, neither an event nor the end would follow.
    seen = known and min(known, (await to_thread.run_sync(service.store.events.counts, [job])).get(job, 0))
    while not service.stopping:
        if due:
            news = await service.event_poller.since(job, seen)
            for seen, message in news.events:  # noqa: B007 - the number of the last event that was sent
                yield message
            if news.ended:
                return
            if news.events and service.event_poller.may_have_more(job, seen):
                continue
        else:
            yield KEEP_ALIVE
        due = await service.event_poller.wait(job, seen, KEEP_ALIVE_SECONDS)


async def _changes(service: Context, account: str, limit: int) -> AsyncGenerator[bytes]:
    """Sends changes from the database, so that every stream sees them, whichever process wrote them."""
    known: Mapping[str, int] | None = None
    idle = 0.0
    while not service.stopping:
        newest = await to_thread.run_sync(service.store.jobs.newest, limit, account)
        before, known = known, newest
        async with aclosing(_differences(service, account, before, newest)) as differences:
            async for item in differences:
                idle = 0.0
                yield item
        if idle >= KEEP_ALIVE_SECONDS:
            idle = 0.0
            yield KEEP_ALIVE
        await sleep(LOOK_SECONDS)
        idle += LOOK_SECONDS


async def _differences(
    service: Context, account: str, known: Mapping[str, int] | None, newest: Mapping[str, int]
) -> AsyncGenerator[bytes]:
    """The messages about changed jobs."""
    for id in known or ():
        if id not in newest:
            yield event(Gone(id=id), "gone")
    changed = [id for id in reversed(list(newest)) if (known or {}).get(id) != newest[id]]
    while changed and not service.stopping:
        reserved = service.quotas.unsent.reserve(account, READING_BYTES)
        if reserved is None:
            yield KEEP_ALIVE
            await sleep(LOOK_SECONDS)
            continue
        try:
            changed, messages = await to_thread.run_sync(_first_jobs, service, changed)
            reserved.resize(sum(map(len, messages)))
            while messages:
                yield messages.popleft()
            # A message is passed on once the previous one has left this process. So the last one has left after this.
            yield KEEP_ALIVE
        finally:
            reserved.resize(0)
    if known is None:
        yield event(Ready(jobs=len(newest)), "ready")


def _first_jobs(service: Context, ids: list[str]) -> tuple[list[str], deque[bytes]]:
    """The messages of the first of these jobs (a few at a time, since specs may be large), and the remaining ids."""
    some, more = service.store.jobs.some(ids[:JOBS_AT_ONCE])
    taken = ids.index(some[-1].id) + 1 if more else JOBS_AT_ONCE
    return ids[taken:], deque(event(Job.of(job), "job") for job in some)
