"""Finding the route of a request without trying all of them."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Never

from fastapi.routing import APIRoute
from fastapi.telemetry._api import _route_selected
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

Key = tuple[int, str, str | None]
"""The number of slashes, the second part and the last one; None if that is a parameter."""


class RouteIndex(BaseRoute):
    """The first of all routes. It finds the one for a request among the few whose address has the same shape.

    Requests that it does not find, such as another method or an unknown address, are left to the others.
    """

    def __init__(self, routes: Iterable[APIRoute]) -> None:
        self._routes: dict[Key, list[APIRoute]] = defaultdict(list)
        known = [(route, _key(route.path)) for route in routes if ":path}" not in route.path]
        for slashes, second, last in {key for _, key in known}:
            # In their order: an address with a word comes before one with a parameter in its place.
            self._routes[slashes, second, last] = [
                route for route, key in known if key[:2] == (slashes, second) and key[2] in (last, None)
            ]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope.get("root_path"):
            return Match.NONE, {}
        path: str = scope["path"]
        parts = path.split("/", 3)
        slashes, second, last = path.count("/"), parts[2] if len(parts) > 2 else "", path[path.rfind("/") + 1 :]
        routes = self._routes.get((slashes, second, last)) or self._routes.get((slashes, second, None))
        for route in routes or ():
            match, found = route.matches(scope)
            if match is Match.FULL:
                return match, found
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The router would give the trace the route that it found, which is this index.
        _route_selected(scope=scope, path=scope["route"].path_format)
        await scope["route"].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> Never:
        raise NoMatchFound(name, path_params)


def _key(path: str) -> Key:
    """The shape of a route's address, such as /v1/runs/{run}/metrics."""
    parts = path.split("/")
    second = parts[2] if len(parts) > 2 else ""
    return len(parts) - 1, second, None if parts[-1].startswith("{") else parts[-1]
