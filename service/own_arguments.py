"""The arguments of a route that the service itself knows: its shared objects, and the caller.

FastAPI takes as many steps for a dependency as for all parameters of a request. So routes get these without it, which
saves a few percent of a light request.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from fastapi import Request

from service.authorization import Asking, caller_of_request
from service.context import Service, context_of

_SOURCES: dict[object, Callable[[Request], object]] = {Service: context_of, Asking: caller_of_request}


def with_own_arguments(route: Callable[..., Any]) -> Callable[..., Any]:
    """The route as a function of what FastAPI passes. Its parameters `Service` and `Asking` come from the request."""
    signature = inspect.signature(route)
    parameters = signature.parameters.values()
    own = {each.name: _SOURCES[each.annotation] for each in parameters if each.annotation in _SOURCES}
    if not own:
        return route
    others = [each for each in parameters if each.name not in own]
    named = next((each.name for each in others if each.annotation is Request), None)
    added = inspect.Parameter("request_itself", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    name = named or added.name

    def completed(arguments: dict[str, Any]) -> dict[str, Any]:
        request = arguments[name] if named else arguments.pop(name)
        return arguments | {each: source(request) for each, source in own.items()}

    @wraps(route)
    async def run_async(**arguments: Any) -> Any:
        return await route(**completed(arguments))

    @wraps(route)
    def run(**arguments: Any) -> Any:
        return route(**completed(arguments))

    made: Callable[..., Any] = run_async if inspect.iscoroutinefunction(route) else run
    made.__signature__ = signature.replace(parameters=others if named else [*others, added])  # type: ignore[attr-defined]
    return made
