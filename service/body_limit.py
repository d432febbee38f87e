"""Bodies that are too large are refused: before they are read if they declare their size, else once they exceed it."""

from collections.abc import Callable, Iterable

from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelab.errors import GatelabError, TooLarge
from gatelab.specs import Limits
from gatelab.specs.integers import read_count
from service.pacing import large_pieces
from service.problems import details, headers_of, response
from service.quotas import Concurrency

CORPORA = frozenset({"/v1/corpora", "/v1/corpora/"})
"""The addresses that accept whole texts."""
_BODILESS = {"GET", "HEAD"}
_ANNOUNCING = {b"content-length", b"transfer-encoding"}
"""The headers of a request with a body."""

LOGIN = "/v1/login"
"""The address that is open to everybody, since it receives a key."""
LOGIN_BYTES = 4096
JOBS = frozenset({"/v1/jobs", "/v1/jobs/"})
"""The addresses that accept specs, which are stored, and shown in every list."""

PACED_BYTES = 2**16
"""uvicorn stops reading from a connection at this size, until the application has received what is there."""

OTHERS = ("request_bytes", "body_bytes")
BY_PATH: dict[str, tuple[str | int, ...]] = {
    **dict.fromkeys(CORPORA, ("body_bytes",)),
    **dict.fromkeys(JOBS, ("spec_bytes", *OTHERS)),
    LOGIN: (LOGIN_BYTES, *OTHERS),
}
"""The limits of a body by its address, for all others `OTHERS`: names of an installation's limits, and bytes."""


def least(limits: Limits, names: Iterable[str | int]) -> tuple[int, list[str]]:
    """The smallest of several limits on a body in bytes, and the names of the limits."""
    bytes_of = {name: name if isinstance(name, int) else int(getattr(limits, name)) for name in names}
    most = min(bytes_of.values())
    return most, [name for name, value in bytes_of.items() if value == most and isinstance(name, str)]


class BodyLimit:
    """Answers 413 to a body of more bytes than its address takes."""

    def __init__(self, app: ASGIApp, limits: Limits, bodies: Concurrency) -> None:
        def limited(names: tuple[str | int, ...]) -> _Limited:
            return _Limited(app, least(limits, names)[0], bodies)

        self._app, self._other = app, limited(OTHERS)
        self._by_path = {path: limited(names) for path, names in BY_PATH.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        bodiless = scope["type"] != "http" or (
            scope["method"] in _BODILESS and not any(name in _ANNOUNCING for name, _ in scope["headers"])
        )
        await (self._app if bodiless else self._by_path.get(scope["path"], self._other))(scope, receive, send)


class _Limited:
    """One limit. Starlette's middleware counts arriving bytes; a declared size is refused here, as a problem.

    A body larger than `PACED_BYTES` arrives at the pace of all such bodies.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, bodies: Concurrency) -> None:
        self._counted, self._max_bytes = RequestBodyLimitMiddleware(app, max_body_size=max_bytes), max_bytes
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            size, answered = self._admit(scope)
        except GatelabError as error:
            problem = details(error)
            await response(problem, headers_of(problem.status))(scope, receive, send)
            return
        try:
            paced = large_pieces().paced(receive) if size > PACED_BYTES else receive
            await self._counted(scope, paced, send)
        finally:
            answered()

    def _admit(self, scope: Scope) -> tuple[int, Callable[[], None]]:
        """Returns the bytes that the body may have, and a function to call when the request is answered.

        Raises:
            TooLarge: the body is too large.
            Overloaded: the account already has too many bytes in unanswered bodies. Nothing of the body was read.
        """
        headers = Headers(scope=scope)
        # A header that is not a number, or is too large, is not trusted; arriving bytes are counted anyway.
        declared = read_count(headers.get("content-length", "")) or 0
        if declared > self._max_bytes:
            raise TooLarge(f"the body has {declared} bytes; at most {self._max_bytes} are allowed here")
        size = self._max_bytes if "transfer-encoding" in headers else declared
        caller = scope.get("state", {}).get("caller")
        return size, self._bodies.take(caller.account, size) if caller is not None and size else lambda: None
