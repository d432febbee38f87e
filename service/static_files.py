"""The page at `/` and the guide at `/guide`: static files that `make page docs` builds, or hints how to build them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).parent / "web" / "dist"
GUIDE = Path(__file__).parent / "web" / "guide"

NOT_BUILT = """\
Gatelab runs, but its page is not built. In the repository, this builds it:

    make page

Then load this address again. The API works without the page; it is described at /docs.
"""

GUIDE_NOT_BUILT = """\
The guide is not built. In the repository, this builds it:

    make docs

Then load this address again. The same pages are Markdown files in the folder docs of the repository.
"""

MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
"""The media types of everything that the build makes. The system's own table may differ."""

GUIDE_TYPES = MEDIA_TYPES | {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".py": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".yaml": "text/plain; charset=utf-8",
}
"""The guide also has pictures, raw results, examples, and the index that its search reads."""

ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""The encodings in which the build also writes each file, the smallest first."""

FOREVER = "public, max-age=31536000, immutable"
"""For files whose names change with their content."""

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
}

GUIDE_SECURITY = SECURITY | {
    "Content-Security-Policy": SECURITY["Content-Security-Policy"] + "; img-src 'self' data:",
}
"""The policy of the guide, whose style sheet contains its icons."""


class Built:
    """The files of one build, whose pages carry the headers `security`. Names that no file can have give 404."""

    def __init__(self, folder: Path, media_types: Mapping[str, str], security: Mapping[str, str]) -> None:
        self._files = StaticFiles(directory=folder, check_dir=False)
        self._media_types = media_types
        self._security = security

    def answer(self, request: Request, path: str, status_code: int = 200) -> Response | None:
        """The file at `path`, compressed if the client takes that; None if there is no such file."""
        media_type = self._media_types.get(Path(path).suffix)
        if media_type is None:
            return None
        headers = {"Cache-Control": FOREVER if path.startswith("/assets/") else "no-cache", "Vary": "Accept-Encoding"}
        headers |= {"X-Content-Type-Options": "nosniff"} | (dict(self._security) if media_type == "text/html" else {})
        for encoding, ending in [*_accepted(request), (None, "")]:
            found, status = self._look_up(path + ending)
            if status is not None:
                encoded = {"Content-Encoding": encoding} if encoding else {}
                answer = FileResponse(found, status_code, headers | encoded, media_type=media_type, stat_result=status)
                known = status_code == 200 and self._files.is_not_modified(answer.headers, request.headers)
                return NotModifiedResponse(answer.headers) if known else answer
        return None

    def _look_up(self, path: str) -> tuple[str, Any]:
        try:
            return self._files.lookup_path(path.removeprefix("/"))
        except (ValueError, OSError):  # no name that a file can have
            raise HTTPException(404) from None


class StaticPages:
    """Answers addresses without a route: a file of the page or the guide, or the page itself if a browser opens a view.

    Everything else, and everything under /v1, is left to `otherwise`, which refuses it.
    """

    def __init__(self, otherwise: ASGIApp, folder: Path = FOLDER, guide: Path = GUIDE) -> None:
        self._otherwise = otherwise
        self._page = Built(folder, MEDIA_TYPES, SECURITY)
        self._guide = Built(guide, GUIDE_TYPES, GUIDE_SECURITY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = None
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            answer = await to_thread.run_sync(self._answer, Request(scope))
        await (answer or self._otherwise)(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        path = request.url.path
        if path == "/v1" or path.startswith("/v1/"):
            return None
        if path == "/guide" or path.startswith("/guide/"):
            return self._chapter(request, path.removeprefix("/guide"))
        if path != "/" and (file := self._page.answer(request, path)):
            return file
        if path == "/" or (_is_navigation(request) and not path.startswith("/assets/")):
            return self._page.answer(request, "/index.html") or PlainTextResponse(NOT_BUILT, 503)
        return None

    def _chapter(self, request: Request, path: str) -> Response | None:
        """A file of the guide. The address of a chapter ends in a slash; without it, the browser is sent there."""
        if path.endswith("/"):
            found = self._guide.answer(request, path + "index.html")
        else:
            found = self._guide.answer(request, path)
            if found is None and self._guide.answer(request, path + "/index.html"):
                return RedirectResponse(f"/guide{path}/", 308)
        if found is None and self._guide.answer(request, "/index.html") is None:
            return PlainTextResponse(GUIDE_NOT_BUILT, 404)
        if found is None and _is_navigation(request):
            return self._guide.answer(request, "/404.html", 404)
        return found


def _is_navigation(request: Request) -> bool:
    """Whether a person follows a link or types an address, in contrast to a program that requests data."""
    mode = request.headers.get("sec-fetch-mode")
    return mode == "navigate" if mode else "text/html" in request.headers.get("accept", "")


def _accepted(request: Request) -> list[tuple[str, str]]:
    """The encodings that the client takes, and the endings of such files."""
    taken = {
        part.partition(";")[0].strip()
        for part in request.headers.get("accept-encoding", "").split(",")
        if not part.replace(" ", "").endswith((";q=0", ";q=0.0"))
    }
    return [(encoding, ending) for encoding, ending in ENCODINGS.items() if encoding in taken]
