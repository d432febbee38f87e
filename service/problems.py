"""Errors -> RFC 9457 `application/problem+json`, with a stable `type` and the offending paths."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from gatelab import errors
from gatelab.errors import GatelabError, InvalidInput, InvalidRequest, InvalidSpec, Problem
from gatelab.specs.fault_messages import describe, problems

MEDIA_TYPE = "application/problem+json"

GONE = 499
"""The status in metrics if the client left before the answer, as in nginx. No client sees it."""

STATUS: dict[type[GatelabError], int] = {
    errors.InvalidInput: 422,
    errors.InvalidState: 400,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.TooLarge: 413,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Overloaded: 429,
    errors.Abandoned: GONE,
    errors.Unavailable: 503,
}
"""The status of a class of errors and of its subclasses. Any other is an internal error: 500."""

PASSING = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
"""The same request may succeed in a second."""

SPEC_ROUTES = {"/v1/jobs"}
"""Routes whose body is a spec, so that its faults have the type of other faults of specs."""

UNREADABLE = (ValueError, RecursionError)
"""The errors of reading JSON: it is not valid, not UTF-8, or nested too deeply."""

log = structlog.get_logger(__name__)


class Fault(BaseModel):
    path: str
    message: str


class ProblemDetails(BaseModel):
    """RFC 9457. `problems` lists every fault of the input with its dotted path."""

    type: str
    title: str
    status: int
    detail: str
    problems: list[Fault] = []


def _response(description: str) -> dict[str, Any]:
    """A problem in the OpenAPI schema. FastAPI's own `model` would be listed as plain JSON."""
    schema = ProblemDetails.model_json_schema()
    schema["properties"]["problems"]["items"] = schema.pop("$defs")["Fault"]
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": _response("What is wrong, and where"),
    "5XX": _response("The service failed; 503 means that the database cannot be reached now"),
}


def details(error: GatelabError) -> ProblemDetails:
    """The problem document that a client gets for `error`."""
    status = next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)
    faults = error.problems if isinstance(error, InvalidInput) else ()
    return ProblemDetails(
        type=f"urn:gatelab:{error.code}",
        title=error.title,
        status=status,
        detail=str(error),
        problems=[Fault(path=p.path, message=p.message) for p in faults],
    )


def not_json() -> InvalidInput:
    return InvalidRequest.at("", "the body is not valid JSON in UTF-8")


def response(problem: ProblemDetails, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem.model_dump(), problem.status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem document."""
    app.add_exception_handler(GatelabError, _on_gatelab_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_surprise)


async def _on_gatelab_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GatelabError)
    problem = details(error)
    return response(problem, headers_of(problem.status))


def headers_of(status: int) -> dict[str, str] | None:
    """The headers of an answer with this status."""
    if status in PASSING:
        return {"Retry-After": "1"}
    return {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own validation: the first part of a fault's location says where the value came from."""
    assert isinstance(error, RequestValidationError)
    faults = [dict(fault) | {"loc": fault["loc"][1:]} for fault in error.errors()]
    if any(fault["type"] == "json_invalid" for fault in faults):
        return response(details(not_json()))
    if isinstance(error.body, bytes):  # it was not read, because the route does not accept its type
        return response(details(InvalidRequest.at("", "the body must be sent as application/json")))
    if any(fault["loc"][0] != "body" for fault in error.errors()):
        named = [Problem(".".join(map(str, fault["loc"])), describe(fault)) for fault in faults]
        return response(details(InvalidRequest(named)))
    kind = InvalidSpec if request.url.path in SPEC_ROUTES else InvalidRequest
    return response(details(kind(problems(faults, error.body, _body_of(request)))))


def _body_of(request: Request) -> type[BaseModel] | None:
    """The type of the body that this route expects."""
    field = getattr(request.scope.get("route"), "body_field", None)
    kind = field.field_info.annotation if field is not None else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    """Unknown addresses, wrong methods, bodies over the limit."""
    assert isinstance(error, HTTPException)
    if error.status_code == STATUS[errors.TooLarge]:
        return response(details(errors.TooLarge("the body is larger than this installation allows")))
    if isinstance(error.__cause__, UNREADABLE):
        return response(details(not_json()))
    title = HTTPStatus(error.status_code).phrase
    kind = title.lower().replace(" ", "-")
    problem = ProblemDetails(
        type=f"urn:gatelab:{kind}", title=title, status=error.status_code, detail=str(error.detail or title)
    )
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return response(problem, headers)


def _methods(request: Request) -> set[str]:
    """The methods that the address allows. The framework only gives those of its first route."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


async def _on_surprise(request: Request, error: Exception) -> JSONResponse:
    return response(unexpected(error))


def unexpected(error: Exception) -> ProblemDetails:
    """An internal error: the log has the traceback, the client gets no inner details."""
    log.error("unexpected error", exc_info=error)
    return ProblemDetails(
        type="urn:gatelab:internal", title="Internal error", status=500, detail="see the service's log"
    )
