"""Objects that the routes share: made once by the app factory, reached through one dependency."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Query, Request

from gatelab.settings import Settings
from gatelab.store import Store
from service.computations import Computations
from service.generation.checkpoint_finder import CheckpointFinder
from service.generation.model_cache import ModelCache
from service.generation.sessions import Sessions
from service.jobs.event_poller import EventPoller
from service.jobs.wakeups import Wakeups
from service.lookup_cache import LookupCache
from service.quotas import Quotas
from service.short_reads import ShortReads
from service.streams import Stopping
from service.telemetry.instruments import Instruments


@dataclass(frozen=True)
class Context:
    settings: Settings
    store: Store
    short_reads: ShortReads
    owned: LookupCache[bool]
    """Cached owners of jobs, runs and corpora."""
    checkpoints: CheckpointFinder
    models: ModelCache
    sessions: Sessions
    wakeups: Wakeups
    stopping: Stopping
    quotas: Quotas
    instruments: Instruments
    event_poller: EventPoller
    computations: Computations
    revoked: set[str] = field(default_factory=set)
    """Ids of keys that were revoked in this process."""


def context_of(request: Request) -> Context:
    """The objects of the application that serves this request."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


async def _context(request: Request) -> Context:
    return context_of(request)


Service = Annotated[Context, Depends(_context)]
"""The dependency: `def route(service: Service)`."""

Cursor = Annotated[str | None, Query(description="`next` of the previous page", min_length=1)]
Limit = Annotated[int, Query(ge=1, le=1000, description="items per page")]
Points = Annotated[
    int | None,
    Query(
        ge=2,
        le=100_000,
        description="about this many evaluations of every run, evenly spaced; by default all, up to 100,000 in total",
    ),
]
