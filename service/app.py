"""The app factory. Importing this reads no environment and imports no torch."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi_swagger import patch_fastapi
from starlette.middleware.cors import CORSMiddleware

from gatelab import __version__, logs, tracing
from gatelab.settings import Settings, load
from gatelab.store import Store
from service import problems
from service.body_limit import BodyLimit
from service.callers import Authentication, guard
from service.context import Context
from service.models import Models
from service.news import News
from service.pages import Pages
from service.quotas import Quotas
from service.routes import (
    cells,
    compare,
    completions,
    corpora,
    events,
    export,
    gates,
    generate,
    health,
    jobs,
    keys,
    metrics,
    runs,
    score,
    single_model,
)
from service.safe_headers import SafeHeaders
from service.sessions import Sessions
from service.sites import SiteCheck, listed
from service.streams import Stopping
from service.telemetry import Instruments, Watching
from service.telemetry.tracing import configuration
from service.wakeups import Wakeups
from service.work import Work

SWITCH_SECONDS = 0.0005
"""How long a thread computes in Python while the one that answers everybody waits for its turn; Python's default is ten
times as long, for every step of an answer."""

GUARDED = (
    cells,
    corpora,
    events,
    jobs,
    runs,
    compare,
    export,
    generate,
    score,
    gates,
    completions,
    single_model,
    keys,
    metrics,
)
"""Routes that need a key, and answer to each account with its own."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service on `settings`, by default those of the environment."""
    settings = settings or load()
    logs.configure(as_json=settings.log_json)
    logs.adopt_server(as_json=settings.log_json)
    store = Store(settings)
    instruments, quotas = Instruments(store), Quotas(settings.limits)
    tracer = tracing.provider("gatelab-service")
    models = Models(store, on_texts=instruments.texts)
    context = Context(
        settings=settings,
        store=store,
        models=models,
        sessions=Sessions(settings),
        wakeups=Wakeups(settings),
        stopping=Stopping(),
        quotas=quotas,
        instruments=instruments,
        news=News(store),
        work=Work(settings.limits),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context.stopping.watch_signals()
        sys.setswitchinterval(SWITCH_SECONDS)
        yield
        context.wakeups.close()
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


def _protect(app: FastAPI, context: Context) -> None:
    """What a request must pass before a route sees it."""
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
    app.add_middleware(SiteCheck, hosts=settings.allowed_hosts, origins=settings.cors_origins)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Watching, instruments=context.instruments)


def _add_routes(app: FastAPI) -> None:
    guarded = [Depends(guard)]
    for routes in GUARDED:
        app.include_router(routes.router, dependencies=guarded)
    app.include_router(keys.account_router, dependencies=guarded)
    for router in (keys.login_router, health.router):
        app.include_router(router)
    app.router.default = Pages(app.router.default)
