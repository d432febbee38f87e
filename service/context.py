"""What the routes share: made once by the app factory, reached through one dependency."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Query, Request

from gatelab.settings import Settings
from gatelab.store import Store
from service.looks import Looks
from service.models import Models
from service.news import News
from service.quotas import Quotas
from service.remembered import Remembered
from service.sessions import Sessions
from service.streams import Stopping
from service.telemetry.instruments import Instruments
from service.wakeups import Wakeups
from service.work import Work


@dataclass(frozen=True)
class Context:
    settings: Settings
    store: Store
    looks: Looks
    owned: Remembered[bool]
    """Which account has which job, run or corpus."""
    models: Models
    sessions: Sessions
    wakeups: Wakeups
    stopping: Stopping
    quotas: Quotas
    instruments: Instruments
    news: News
    work: Work
    revoked: set[str] = field(default_factory=set)
    """Ids of keys that were revoked in this process."""


async def _context(request: Request) -> Context:
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


Service = Annotated[Context, Depends(_context)]
"""The dependency: `def route(service: Service)`."""

Cursor = Annotated[str | None, Query(description="`next` of the page before", min_length=1)]
Limit = Annotated[int, Query(ge=1, le=1000, description="items a page")]
Points = Annotated[
    int | None,
    Query(ge=2, le=100_000, description="about this many evaluations of every run, evenly spaced; default all"),
]
