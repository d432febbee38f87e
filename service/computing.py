"""Routes that compute."""

import inspect
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from service.authorization import Asking
from service.computations import Run
from service.context import Service
from service.json_answers import said
from service.large_answers import in_pieces


async def _run(request: Request, service: Service, asking: Asking) -> Run:
    return partial(service.computations.run, request, asking.account)


_ADDED = inspect.Parameter("run_computation", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Run, Depends(_run)])


def computing(route: Callable[..., BaseModel | Response]) -> Callable[..., Coroutine[Any, Any, Response]]:
    """Run a route, a plain function, among the `Computations` of the account, up to the bytes of its answer."""

    @wraps(route)
    async def run(*, run_computation: Run, **arguments: Any) -> Response:
        return await run_computation(partial(_answered, route, arguments))

    signature = inspect.signature(route)
    parameters = [*signature.parameters.values(), _ADDED]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def _answered(route: Callable[..., BaseModel | Response], arguments: dict[str, Any]) -> Response:
    found = route(**arguments)
    return in_pieces(found if isinstance(found, Response) else said(found))
