"""Headers of every answer for browsers and proxies, and requests that give their length twice."""

from collections.abc import Sequence

from service.problems import ProblemDetails

Header = tuple[bytes, bytes]

_ALONE = "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
"""No plug-ins, no other base for relative addresses, and no frames in other pages."""

REPORT_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; {_ALONE}"
"""The policy of HTML from the API: a document without scripts that contains its style."""
DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    f" form-action 'self'; {_ALONE}"
)
"""The policy of the API's description, whose start is a script in the page."""

UNCACHED = ("/v1/", "/metrics")
"""The addresses whose answers belong to an account, so that no cache may keep them."""

AMBIGUOUS = ProblemDetails(
    type="urn:gatelab:bad-request",
    title="Bad Request",
    status=400,
    detail="the request has Content-Length and Transfer-Encoding; send one of them",
)
"""A proxy may see the end of such a request elsewhere (RFC 9112, section 6.3)."""

_TYPE = (b"x-content-type-options", b"nosniff")
_UNCACHED = (b"cache-control", b"no-store")
_REFERRER = (b"referrer-policy", b"same-origin")
_REPORT = (b"content-security-policy", REPORT_POLICY.encode())
_DOCS = (b"content-security-policy", DOCS_POLICY.encode())


def safe_headers(said: Sequence[Header], path: str) -> list[Header]:
    """The additional headers: those that a route has not set itself."""
    there = {name.lower(): value for name, value in said}
    added = [_TYPE]
    if path.startswith(UNCACHED):
        added.append(_UNCACHED)
    if there.get(b"content-type", b"").startswith(b"text/html"):
        added += (_REPORT if path.startswith("/v1/") else _DOCS, _REFERRER)
    return [header for header in added if header[0] not in there]
