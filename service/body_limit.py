"""Bodies that are too large are refused: before they are read where they say so, else as soon as they are."""

from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelab.errors import TooLarge
from gatelab.specs import Limits
from gatelab.specs.integers import read_count
from service.problems import details, response

CORPORA = frozenset({"/v1/corpora", "/v1/corpora/"})
"""The addresses that take whole texts."""


JOBS = frozenset({"/v1/jobs", "/v1/jobs/"})
"""The addresses that take specs, which are kept, and shown in every list."""


class BodyLimit:
    """Answers 413 to a body of more bytes than its address takes: `body_bytes` for a corpus, `spec_bytes` for a job,
    `request_bytes` for all else."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        other = min(limits.request_bytes, limits.body_bytes)
        self._other = _Limited(app, other)
        self._by_path = dict.fromkeys(CORPORA, _Limited(app, limits.body_bytes))
        self._by_path |= dict.fromkeys(JOBS, _Limited(app, min(limits.spec_bytes, other)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._by_path.get(scope.get("path", ""), self._other)(scope, receive, send)


class _Limited:
    """One limit. Starlette's middleware counts what arrives; what is declared is refused here, as a problem."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._counted, self._max_bytes = RequestBodyLimitMiddleware(app, max_body_size=max_bytes), max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # One that is no number, or too large for one, is not believed: what arrives is counted, too.
            declared = read_count(Headers(scope=scope).get("content-length", "")) or 0
            if declared > self._max_bytes:
                error = TooLarge(f"the body has {declared} bytes; at most {self._max_bytes} are taken here")
                await response(details(error))(scope, receive, send)
                return
        await self._counted(scope, receive, send)
