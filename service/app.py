"""The app factory. Importing this reads no environment and imports no torch."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_swagger import patch_fastapi
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from gatelab import __version__, logs, tracing
from gatelab.settings import Settings, load
from gatelab.store import Store
from service import problems
from service.body_limit import DeclaredLengthLimit
from service.context import Context
from service.models import Models
from service.news import News
from service.routes import (
    compare,
    completions,
    corpora,
    export,
    gates,
    generate,
    health,
    jobs,
    metrics,
    runs,
    score,
    single_model,
)
from service.sessions import Sessions
from service.streams import Stopping
from service.telemetry import Instruments, Watching
from service.telemetry.tracing import configuration
from service.wakeups import Wakeups


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service on `settings`, by default those of the environment."""
    settings = settings or load()
    logs.configure(as_json=settings.log_json)
    logs.adopt_server(as_json=settings.log_json)
    store = Store(settings)
    instruments = Instruments(store)
    tracer = tracing.provider("gatelab-service")
    models = Models(store, on_texts=instruments.texts)
    context = Context(
        settings, store, models, Sessions(settings), Wakeups(settings), Stopping(), instruments, News(store)
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context.stopping.watch_signals()
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
    # The last one added sees a request first.
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.limits.body_bytes)
    app.add_middleware(DeclaredLengthLimit, max_bytes=settings.limits.body_bytes)
    app.add_middleware(Watching, instruments=instruments)
    # /docs with its assets bundled: it works without a connection to anywhere.
    patch_fastapi(app)
    problems.install(app)
    for routes in (
        corpora,
        jobs,
        runs,
        compare,
        export,
        generate,
        score,
        gates,
        completions,
        single_model,
        health,
        metrics,
    ):
        app.include_router(routes.router)
    return app
