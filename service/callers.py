"""The caller and its rights: keys, scopes, and which account owns what.

Two doors, one behind the other. `Authentication` asks for a key before anything of a body is read. `guard`, which every
route depends on, asks whether the key may do this, and whether what the path names is the account's own: to anybody
else it is not there (404).
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Annotated, get_args

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelab.errors import GatelabError, NotAllowed, NotAuthenticated
from gatelab.store.accounts import LOCAL, Owned
from gatelab.store.keys import Scope as KeyScope
from service.context import Context, Service
from service.openai.errors import answer as openai_answer
from service.problems import details, headers_of, response
from service.query import check_query

COOKIE = "gatelab_key"
PROTECTED = ("/v1/", "/metrics")
OPEN = "/v1/login"
"""Where a key is exchanged for a cookie."""
READING_TAGS = {"generation", "gates", "OpenAI", "cells"}
"""Routes that ask by POST and change nothing."""
ASK_SECONDS = 1.0
"""How long a stream trusts that its key is good."""
ADMIN_TAGS = {"keys", "metrics"}

_threads = CapacityLimiter(8)
"""For these looks at the database alone, so that no other work keeps anybody at the door."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request: a key, and the account that it speaks for."""

    account: str
    key: str
    name: str
    scope: KeyScope


EVERYBODY = Caller(LOCAL, "none", "everybody", KeyScope.ADMIN)
"""Where no keys are asked for."""


class Authentication:
    """Answers 401 to a request without a good key, and 429 to one too many in a second."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app, self.context = app, context
        self._lookups: dict[str, asyncio.Future[Caller]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PROTECTED) or scope["path"] == OPEN:
            await self.app(scope, receive, send)
            return
        try:
            caller = await self._caller(HTTPConnection(scope))
            self.context.quotas.check_rate(caller.key)
        except GatelabError as error:
            await refusal(scope["path"], error)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, send)

    async def _caller(self, connection: HTTPConnection) -> Caller:
        if not self.context.settings.auth:
            return EVERYBODY
        secret = _secret(connection)
        if secret is None:
            raise NotAuthenticated("send an API key: Authorization: Bearer ..., see `gatelab keys`")
        return await asyncio.shield(self._lookup(secret))

    def _lookup(self, secret: str) -> "asyncio.Future[Caller]":
        """Whose secret it is. Requests that come with the same one meanwhile wait for the same answer: however many
        there are, others do not wait for them."""
        if (lookup := self._lookups.get(secret)) is None:
            asked = to_thread.run_sync(caller_of, self.context, secret, limiter=_threads)
            lookup = self._lookups[secret] = asyncio.ensure_future(asked)
            lookup.add_done_callback(partial(self._answered, secret))
        return lookup

    def _answered(self, secret: str, lookup: "asyncio.Future[Caller]") -> None:
        del self._lookups[secret]
        if not lookup.cancelled():
            lookup.exception()  # whoever asked may have gone


def seen(context: Context, connection: HTTPConnection) -> Caller | None:
    """Who this is, if anybody."""
    if not context.settings.auth:
        return EVERYBODY
    secret = _secret(connection)
    try:
        return caller_of(context, secret) if secret else None
    except NotAuthenticated:
        return None


def caller_of(context: Context, secret: str) -> Caller:
    """
    Raises:
        NotAuthenticated: there is no such key, or it was revoked.
    """
    if (key := context.store.keys.find(secret)) is None:
        raise NotAuthenticated("this API key is unknown or was revoked")
    return Caller(key.account, key.id, key.name, key.scope)


async def while_good(context: Context, asking: Caller, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """What a stream sends, until the key that it was asked for with is revoked.

    Nothing is sent later than `ASK_SECONDS` after that; where this process revoked it, nothing at all.
    """
    asked = time.monotonic()
    async with aclosing(events):
        async for item in events:
            if asking.key in context.revoked:
                return
            if context.settings.auth and time.monotonic() - asked >= ASK_SECONDS:
                if not await to_thread.run_sync(context.store.keys.is_good, asking.key, limiter=_threads):
                    return
                asked = time.monotonic()
            yield item


def refusal(path: str, error: GatelabError) -> ASGIApp:
    """The answer to a request that is not let in, in the shape that its route would use."""
    if path.startswith(("/v1/completions", "/v1/models")) or "/openai/" in path:
        return openai_answer(error)
    problem = details(error)
    return response(problem, headers_of(problem.status))


def _secret(connection: HTTPConnection) -> str | None:
    scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return connection.cookies.get(COOKIE)


async def caller(request: Request) -> Caller:
    """
    Raises:
        NotAuthenticated: nobody asked for a key; no route may be reached without.
    """
    found = getattr(request.state, "caller", None)
    if not isinstance(found, Caller):
        raise NotAuthenticated("send an API key")
    return found


Asking = Annotated[Caller, Depends(caller)]
"""The dependency: `def route(asking: Asking)`."""


async def guard(request: Request, service: Service, asking: Asking) -> None:
    """
    Raises:
        NotAllowed: the key's scope does not cover this.
        NotFound: what the path names is another account's, or is not there.
        InvalidRequest: the query has a parameter that nobody would read.
    """
    needed = needed_scope(request)
    if not asking.scope.allows(needed):
        raise NotAllowed(f"this needs a key with the scope {needed.value}; this one has {asking.scope.value}")
    for kind in get_args(Owned):
        if id := request.path_params.get(kind):
            await to_thread.run_sync(service.store.accounts.require, asking.account, kind, id, limiter=_threads)
    check_query(request)


def needed_scope(request: Request) -> KeyScope:
    """What a key must have for a route."""
    route = request.scope["route"]
    tags = set(route.tags) if isinstance(route, APIRoute) else set()
    if tags & ADMIN_TAGS:
        return KeyScope.ADMIN
    if request.method in ("GET", "HEAD") or tags & READING_TAGS:
        return KeyScope.READ
    return KeyScope.SUBMIT
