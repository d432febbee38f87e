"""The app factory. Importing this reads no environment and imports no torch."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from anyio import to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_swagger import patch_fastapi
from starlette.middleware.cors import CORSMiddleware

from gatelab import __version__, logs, tracing
from gatelab.errors import Unavailable
from gatelab.settings import Settings, load
from gatelab.store import Store
from gatelab.store.migrate import pending
from service import health, problems
from service.allowed_sites import listed
from service.authentication import Authentication
from service.body_limit import BodyLimit
from service.cells import routes as cells
from service.computations import Computations
from service.context import Context
from service.corpora import routes as corpora
from service.garbage import collecting_rarely
from service.gates import routes as gates
from service.generation import routes as generation
from service.generation import score_routes as scores
from service.generation.checkpoint_finder import CheckpointFinder
from service.generation.model_cache import ModelCache
from service.generation.sessions import Sessions
from service.jobs import event_routes as events
from service.jobs import routes as jobs
from service.jobs.event_poller import EventPoller
from service.jobs.wakeups import Wakeups
from service.keys import routes as keys
from service.lookup_cache import LookupCache
from service.openai import routes as openai
from service.openai import single_model_routes as single_model
from service.quotas import Quotas
from service.request_middleware import RequestMiddleware
from service.route_index import RouteIndex
from service.runs import comparison_routes as comparison
from service.runs import export_routes as export
from service.runs import routes as runs
from service.shared_counts import SharedCounts
from service.short_reads import ShortReads
from service.static_files import StaticPages
from service.streams import Stopping
from service.telemetry import Instruments
from service.telemetry import routes as metrics
from service.telemetry.tracing import configuration

SWITCH_SECONDS = 0.0005
"""Seconds for which a thread computes in Python while the event loop's thread waits for its turn. Python's default is
ten times as long, for every step of an answer."""

ROUTES = (
    cells,
    corpora,
    events,
    jobs,
    runs,
    comparison,
    export,
    generation,
    scores,
    gates,
    openai,
    single_model,
    keys,
    metrics,
)
"""The routers in their order: if several routes match an address, the first one answers."""


LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 60.0
"""Seconds for which the service waits at its start until the database is up to date."""


def create_patient_app() -> FastAPI:
    """The service with the settings of the environment, if the migrations run in parallel with its start."""
    return create_app(patient=True)


def create_app(settings: Settings | None = None, *, patient: bool = False) -> FastAPI:
    """The service with `settings`, by default those of the environment.

    Args:
        patient: whether it waits with all answers until the database has the tables of this version.
    """
    settings = settings or load()
    logs.configure(as_json=settings.log_json)
    logs.adopt_server(as_json=settings.log_json)
    store = Store(settings)
    counts = settings.counts_url.get_secret_value()
    sharing = SharedCounts(counts) if counts else None
    instruments, quotas = Instruments(store), Quotas(settings.limits, sharing)
    tracer = tracing.provider("gatelab-service")
    short_reads = ShortReads(settings, store)
    stopping = Stopping()
    models = ModelCache(store, most_bytes=settings.model_cache_mib * 2**20, on_texts=instruments.texts)
    context = Context(
        settings=settings,
        store=store,
        short_reads=short_reads,
        owned=LookupCache(store.changes),
        checkpoints=CheckpointFinder(store, short_reads),
        models=models,
        sessions=Sessions(settings),
        wakeups=Wakeups(settings),
        stopping=stopping,
        quotas=quotas,
        instruments=instruments,
        event_poller=EventPoller(store, stopping),
        computations=Computations(settings.limits),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context.stopping.watch_signals()
        if patient:
            await _until_migrated(store, context.stopping)
        await to_thread.run_sync(store.hold_room_back)
        sys.setswitchinterval(SWITCH_SECONDS)
        async with collecting_rarely():
            yield
        context.wakeups.close()
        context.short_reads.close()
        context.computations.close()
        if sharing is not None:
            await sharing.close()
        store.close()
        if tracer is not None:
            tracer.shutdown()

    app = FastAPI(
        title="Gatelab",
        version=__version__,
        description="Train, compare and serve gated recurrent language models.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        responses=problems.RESPONSES,
        telemetry=configuration(tracer),
    )
    app.state.context = context
    _protect(app, context)
    # /docs with its assets bundled: it works without a connection to anywhere.
    patch_fastapi(app, redirect_from_root_to_docs=False)
    problems.install(app)
    _add_routes(app)
    return app


async def _until_migrated(store: Store, stopping: Stopping) -> None:
    """Wait for the tables of this version, up to a limit; after that, /readyz says what is wrong."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and not stopping:
        with suppress(Unavailable):
            if not await to_thread.run_sync(pending, store.database):
                return
        await asyncio.sleep(LOOK_SECONDS)


def _protect(app: FastAPI, context: Context) -> None:
    """Add the layers that a request must pass before it reaches a route."""
    settings = context.settings
    # The last one added sees a request first.
    app.add_middleware(BodyLimit, limits=settings.limits, bodies=context.quotas.bodies)
    app.add_middleware(Authentication, context=context)
    if origins := listed(settings.cors_origins):
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
        )
    app.add_middleware(RequestMiddleware, context=context)


def _add_routes(app: FastAPI) -> None:
    """Add all routes. A route's router (`service.routing`) decides whether it needs a key."""
    routers = [*(module.router for module in ROUTES), keys.account_router, keys.login_router, health.router]
    routes = [route for router in routers for route in router.routes]
    finder = RouteIndex(route for route in routes if isinstance(route, APIRoute))
    app.router.routes[:] = [finder, *app.router.routes, *routes]
    app.router.default = StaticPages(app.router.default)
