"""What every answer says to browsers and proxies, and the requests whose length is said twice."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import ProblemDetails, response

_ALONE = "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
"""No plug-in, no other address for what is relative, and in no page of anybody else."""

REPORT_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; {_ALONE}"
"""Of HTML that the API answers: a document without scripts, which brings its style along."""
DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    f" form-action 'self'; {_ALONE}"
)
"""The policy of the API's description, whose start is a script in the page."""

UNCACHED = ("/v1/", "/metrics")
"""What answers here is an account's own: no cache may keep it."""

_AMBIGUOUS = ProblemDetails(
    type="urn:gatelab:bad-request",
    title="Bad Request",
    status=400,
    detail="the request has Content-Length and Transfer-Encoding; send one of them",
)


class SafeHeaders:
    """Adds headers that a route has not set itself.

    A request with Content-Length and Transfer-Encoding is refused, and its connection closed: a proxy may see its end
    elsewhere (RFC 9112, section 6.3).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(MutableHeaders(scope=message), scope["path"])
            await send(message)

        headers = Headers(scope=scope)
        if "content-length" in headers and "transfer-encoding" in headers:
            await response(_AMBIGUOUS, {"Connection": "close"})(scope, receive, say)
            return
        await self.app(scope, receive, say)


def _add(headers: MutableHeaders, path: str) -> None:
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if path.startswith(UNCACHED):
        headers.setdefault("Cache-Control", "no-store")
    if headers.get("content-type", "").startswith("text/html"):
        headers.setdefault("Content-Security-Policy", REPORT_POLICY if path.startswith("/v1/") else DOCS_POLICY)
        headers.setdefault("Referrer-Policy", "same-origin")
