"""The layer around every request: it gives the request an id and safe headers, counts and times it, and logs one line.
It refuses a request that is ambiguous or comes from a foreign site.

It reads nothing else of a request or its answer: no header except those named here, no body, no query, no raw path.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from gatelab.errors import NotAllowed
from service import problems
from service.allowed_sites import AllowedSites
from service.context import Context
from service.refusals import refusal
from service.safe_headers import AMBIGUOUS, safe_headers
from service.telemetry.requests import Watched, arrive, request_id

REQUEST_ID = b"x-request-id"


class RequestMiddleware:
    """Add it last: it then sees a request first. It answers internal errors, with the request's id, which
    its log line has too."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app = app
        self._instruments, self._log_json = context.instruments, context.settings.log_json
        self._sites = AllowedSites(context.settings.allowed_hosts, context.settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # If a header is given several times, the first counts.
        headers: dict[bytes, bytes] = dict(reversed(list(scope["headers"])))
        id = request_id(headers.get(REQUEST_ID))
        arrive()
        watched = Watched(self._instruments, scope, id)
        said = (REQUEST_ID, id.encode())

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0].lower() != REQUEST_ID]
                message["headers"] = [*kept, *safe_headers(kept, scope["path"]), said]
                watched.starts(message)
            await send(message)

        with bound_contextvars(request_id=id):
            try:
                await self._checked(headers, scope, receive, say)
            except Exception as error:
                if watched.status is not None:  # part of the answer is sent, so the server can only cut it off
                    problems.unexpected(error)
                    raise
                await problems.response(problems.unexpected(error))(scope, receive, say)
            finally:
                watched.end()

    async def _checked(self, headers: dict[bytes, bytes], scope: Scope, receive: Receive, send: Send) -> None:
        if b"content-length" in headers and b"transfer-encoding" in headers:
            await problems.response(AMBIGUOUS, {"Connection": "close"})(scope, receive, send)
        elif reason := self._sites.objection(scope["method"], headers):
            await refusal(scope["path"], NotAllowed(reason))(scope, receive, send)
        else:
            await self.app(scope, receive, send)
