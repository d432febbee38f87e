"""Routes that compute."""

import inspect
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from service.answers import said
from service.callers import Asking
from service.context import Service
from service.work import Run


async def _run(request: Request, service: Service, asking: Asking) -> Run:
    return partial(service.work.run, request, asking.account)


_ADDED = inspect.Parameter("run_computation", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Run, Depends(_run)])


def computing(route: Callable[..., BaseModel | Response]) -> Callable[..., Coroutine[Any, Any, Response]]:
    """Let a route, which is a plain function, run as `Work` of the account that asks, up to the bytes of its answer."""

    @wraps(route)
    async def run(*, run_computation: Run, **arguments: Any) -> Response:
        return await run_computation(partial(_answered, route, arguments))

    signature = inspect.signature(route)
    parameters = [*signature.parameters.values(), _ADDED]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def _answered(route: Callable[..., BaseModel | Response], arguments: dict[str, Any]) -> Response:
    found = route(**arguments)
    return found if isinstance(found, Response) else said(found)
