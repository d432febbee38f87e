"""What every answer says to browsers and proxies, and the requests whose length is said twice."""

from collections.abc import Sequence

from service.problems import ProblemDetails

Header = tuple[bytes, bytes]

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
    """What is to be said besides: headers that a route has not set itself."""
    there = {name.lower(): value for name, value in said}
    added = [_TYPE]
    if path.startswith(UNCACHED):
        added.append(_UNCACHED)
    if there.get(b"content-type", b"").startswith(b"text/html"):
        added += (_REPORT if path.startswith("/v1/") else _DOCS, _REFERRER)
    return [header for header in added if header[0] not in there]
