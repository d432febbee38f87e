"""Bodies that are too large are refused before they are read."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelab.errors import TooLarge
from gatelab.specs.integers import read_count
from service.problems import details, response


class DeclaredLengthLimit:
    """Answers 413 to a request whose Content-Length is over `max_bytes`.

    Starlette's RequestBodyLimitMiddleware, which counts what arrives, would say the same as plain text.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # One that is no number, or too large for one, is not believed: what arrives is counted, too.
            declared = read_count(Headers(scope=scope).get("content-length", "")) or 0
            if declared > self.max_bytes:
                error = TooLarge(f"the body has {declared} bytes; this installation takes at most {self.max_bytes}")
                await response(details(error))(scope, receive, send)
                return
        await self.app(scope, receive, send)
