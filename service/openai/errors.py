"""Errors in OpenAI's shape, on the routes that are OpenAI's."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gatelab.errors import GatelabError, InvalidInput, InvalidRequest, NotFound
from gatelab.specs.fault_messages import problems
from service.problems import RESPONSES as PROBLEMS
from service.problems import details, headers_of, unexpected
from service.routing import StrictRoute

KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}


_SHAPE: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def _documented(refusal: dict[str, Any]) -> dict[str, Any]:
    """Refusals before a route is found, such as that of a too large body, are problem documents as elsewhere."""
    return {**refusal, "content": {"application/json": {"schema": _SHAPE}, **refusal["content"]}}


RESPONSES: dict[int | str, dict[str, Any]] = {status: _documented(refusal) for status, refusal in PROBLEMS.items()}


class OpenAIRoute(StrictRoute):
    """A route whose errors have OpenAI's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return answer(_invalid(error))
            except HTTPException as error:
                return _response(error.status_code, str(error.detail), None, None)
            except Exception as error:
                return answer(error)

        return handled


def body(error: Exception) -> tuple[int, dict[str, Any]]:
    """The status and the body of an error's answer."""
    problem = details(error) if isinstance(error, GatelabError) else unexpected(error)
    status = 400 if isinstance(error, InvalidInput) else problem.status
    param = error.problems[0].path if isinstance(error, InvalidInput) else None
    code = "model_not_found" if isinstance(error, NotFound) else problem.type.rpartition(":")[2]
    return status, _error(status, problem.detail, param, code)


def answer(error: Exception) -> Response:
    status, content = body(error)
    return JSONResponse(content, status, headers_of(status))


def as_json(error: Exception) -> str:
    """The error as an event of a stream that has begun."""
    return json.dumps(body(error)[1])


def _invalid(error: RequestValidationError) -> InvalidInput:
    faults = [dict(fault) | {"loc": fault["loc"][1:]} for fault in error.errors()]
    if not isinstance(error.body, dict):
        return InvalidRequest.at("", "the body must be a JSON object")
    return InvalidRequest(problems(faults, error.body))


def _response(status: int, message: str, param: str | None, code: str | None) -> Response:
    return JSONResponse(_error(status, message, param, code), status)


def _error(status: int, message: str, param: str | None, code: str | None) -> dict[str, Any]:
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param or None, "code": code}}
