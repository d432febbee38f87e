"""Bodies in JSON, in which no key may have two values."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from gatelab.errors import GatelabError, InvalidRequest
from service.authorization import caller_of_request, guard
from service.computations import abandoned
from service.context import context_of
from service.own_arguments import with_own_arguments
from service.problems import RESPONSES

LARGE = 2**15
"""Bytes from which on a body is parsed in a thread, while the event loop continues."""
_SHOWN = 100
"""Characters of a key, and of the path to it, that a message shows."""


class StrictRequest(Request):
    """A request in whose JSON every key may occur only once."""

    async def json(self) -> Any:
        """
        Raises:
            InvalidRequest: an object has a key twice.
            ValueError, RecursionError: it is not JSON, or nested too deeply.
        """
        if not hasattr(self, "_json"):
            body = await self.body()
            self._json = read(body) if len(body) < LARGE else await self._read_beside(body)
        return self._json

    async def _read_beside(self, body: bytes) -> Any:
        await asyncio.sleep(0)  # the loop reads from the connection once more, and may find that it has ended
        if await self.is_disconnected():
            raise abandoned()
        return await context_of(self).computations.read(caller_of_request(self).account, partial(read, body))


class StrictRoute(APIRoute):
    """A route that needs a key and answers each account with its own data; `StrictRequest` reads its body.

    The guard is called here rather than as a dependency, so that it runs before anything of the body is read.
    """

    guarded = True

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, with_own_arguments(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            if self.guarded:
                await guard(request)
            try:
                return await handle(StrictRequest(request.scope, request.receive))
            except HTTPException as error:
                # The framework turns every error in reading a body into a bad request.
                if isinstance(error.__cause__, GatelabError):
                    raise error.__cause__ from None
                raise

        return handled


class OpenRoute(StrictRoute):
    """A route that answers everybody."""

    guarded = False


Router = partial(APIRouter, route_class=StrictRoute, responses=RESPONSES)
"""Makes a router of the service."""
OpenRouter = partial(Router, route_class=OpenRoute)
"""Makes a router whose routes answer everybody."""


def read(body: bytes) -> Any:
    """The data of a body in JSON.

    Raises:
        InvalidRequest: an object has a key twice; it names the key, and the path.
        ValueError, RecursionError: it is not JSON, or nested too deeply.
    """
    # The last completed object that has a key twice. No object around it has one, so the data still contains it.
    last: tuple[dict[str, Any], str] | None = None

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal last
        found = dict(pairs)
        if len(found) < len(pairs):
            last = found, _repeated(pairs)
        return found

    data = json.loads(body, object_pairs_hook=once)
    if last is not None:
        path = ".".join((*_path(data, last[0]), last[1]))
        raise InvalidRequest.at(path[:_SHOWN], f"the key {last[1][:_SHOWN]!r} is given twice in one object")
    return data


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    counts = Counter(key for key, _ in pairs)
    return next(key for key, count in counts.items() if count > 1)


def _path(data: Any, wanted: object) -> tuple[str, ...]:
    """The path in `data` of the object `wanted` itself."""
    around: list[tuple[Any, tuple[Any, ...]]] = [(data, ())]
    while around:
        here, path = around.pop()
        if here is wanted:
            return _names(path)
        # A path is a chain of pairs, so that extending one takes the same time at any depth.
        around += ((value, (path, key)) for key, value in _inner(here) if isinstance(value, dict | list))
    return ()


def _inner(here: Any) -> Iterable[tuple[Any, Any]]:
    """The values in a JSON object or list, by names or places."""
    if isinstance(here, dict):
        return here.items()
    return enumerate(here) if isinstance(here, list) else ()


def _names(path: tuple[Any, ...]) -> tuple[str, ...]:
    names: list[str] = []
    while path:
        path, key = path
        names.append(str(key))
    return tuple(reversed(names))
