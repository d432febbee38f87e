"""The caller and its rights: keys, scopes, and the ownership of accounts.

There are two checks. `Authentication` requires a key before anything of a body is read. `guard`, on which every route
depends, checks whether the key may do this, and whether the object in the path belongs to the account: for all others
it does not exist (404).
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Annotated, get_args

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from gatelab.errors import NotAllowed, NotAuthenticated
from gatelab.store import Store
from gatelab.store.accounts import LOCAL, Owned
from gatelab.store.ids import looks_like_id
from gatelab.store.keys import Scope as KeyScope
from service.context import Context
from service.query_parameters import check_query

COOKIE = "gatelab_key"
READING_TAGS = {"generation", "gates", "OpenAI", "cells"}
"""Routes that use POST but change nothing."""
ASK_SECONDS = 1.0
"""Seconds for which a stream relies on a check of its key."""
ADMIN_TAGS = {"keys", "metrics"}

_OWNED = get_args(Owned)


@dataclass(frozen=True)
class Caller:
    """The sender of a request: a key, and the account to which it belongs."""

    account: str
    key: str
    name: str
    scope: KeyScope


EVERYBODY = Caller(LOCAL, "none", "everybody", KeyScope.ADMIN)
"""The caller in an installation without keys."""


def seen(context: Context, connection: HTTPConnection) -> Caller | None:
    """The owner of a valid key; None otherwise."""
    if not context.settings.auth:
        return EVERYBODY
    secret = secret_of(connection.headers.get("authorization", ""), connection)
    try:
        return caller_of(context.store, secret) if secret else None
    except NotAuthenticated:
        return None


def caller_of(store: Store, secret: str) -> Caller:
    """
    Raises:
        NotAuthenticated: the key does not exist, or was revoked.
    """
    if (key := store.keys.find(secret)) is None:
        raise NotAuthenticated("this API key is unknown or was revoked")
    return Caller(key.account, key.id, key.name, key.scope)


async def while_good(context: Context, asking: Caller, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The items of a stream, until the key of its request is revoked.

    Nothing is sent later than `ASK_SECONDS` after that; if this process revoked it, nothing at all.
    """
    asked = time.monotonic()
    async with aclosing(events):
        async for item in events:
            if asking.key in context.revoked:
                return
            if context.settings.auth and time.monotonic() - asked >= ASK_SECONDS:
                if not await context.short_reads.look(lambda store: store.keys.is_good(asking.key)):
                    return
                asked = time.monotonic()
            yield item


def secret_of(authorization: str, connection: HTTPConnection) -> str | None:
    """The key in a request's header, else in its cookie."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return connection.cookies.get(COOKIE)


def caller_of_request(request: Request) -> Caller:
    """
    Raises:
        NotAuthenticated: nobody asked for a key; no route may be reached without.
    """
    found = request.scope.get("state", {}).get("caller")
    if not isinstance(found, Caller):
        raise NotAuthenticated("an API key is missing: send it as Authorization: Bearer KEY")
    return found


async def _caller(request: Request) -> Caller:
    return caller_of_request(request)


Asking = Annotated[Caller, Depends(_caller)]
"""The dependency: `def route(asking: Asking)`."""


async def guard(request: Request) -> None:
    """
    Raises:
        NotAuthenticated: nobody asked for a key; no route may be reached without.
        NotAllowed: the key's scope does not cover this.
        NotFound: the object of the path belongs to another account, or does not exist.
        InvalidRequest: the query has a parameter that the route does not read.
    """
    asking = caller_of_request(request)
    needed = needed_scope(request)
    if not asking.scope.allows(needed):
        raise NotAllowed(f"this needs a key with the scope {needed.value}; this one has {asking.scope.value}")
    for kind in _OWNED:
        if id := request.path_params.get(kind):
            await _require(request.app.state.context, asking.account, kind, id)
    check_query(request)


async def _require(context: Context, account: str, kind: Owned, id: str) -> None:
    """
    Raises:
        NotFound: it is not the account's.
    """
    thing = account, kind, id
    if context.owned.find(thing):
        return
    stamp = context.owned.stamp()
    await context.short_reads.look(lambda store: store.accounts.require(account, kind, id))
    if looks_like_id(id):  # a name may later belong to another corpus
        context.owned.keep(thing, True, stamp)


def needed_scope(request: Request) -> KeyScope:
    """The scope that a route requires."""
    route = request.scope["route"]
    return _needed(tuple(route.tags) if isinstance(route, APIRoute) else (), request.method)


@cache
def _needed(tags: tuple[str | Enum, ...], method: str) -> KeyScope:
    if ADMIN_TAGS.intersection(tags):
        return KeyScope.ADMIN
    if method in ("GET", "HEAD") or READING_TAGS.intersection(tags):
        return KeyScope.READ
    return KeyScope.SUBMIT
