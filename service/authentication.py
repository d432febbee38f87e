"""The first check: every request needs a valid key, and a key has a limit of requests per second."""

import asyncio
from collections import defaultdict
from functools import partial
from hashlib import sha256

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelab.errors import GatelabError, NotAuthenticated
from service.authorization import (
    EVERYBODY,
    Caller,
    caller_of,
    secret_of,
)
from service.context import Context
from service.lookup_cache import LookupCache
from service.pacing import Pacing
from service.refusals import refusal

PROTECTED = ("/v1/", "/metrics")
OPEN = "/v1/login"
"""The address at which a key is exchanged for a cookie."""


class Authentication:
    """Answers 401 to a request without a valid key, and 429 to one over the limit per second."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app, self.context = app, context
        self._lookups: dict[bytes, asyncio.Future[Caller]] = {}
        self._callers = LookupCache[Caller](context.store.changes)
        self._paces: defaultdict[str, Pacing] = defaultdict(Pacing)
        """By account: one begins one request in each iteration of the event loop."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PROTECTED) or scope["path"] == OPEN:
            await self.app(scope, receive, send)
            return
        try:
            caller = await self._caller(scope) if self.context.settings.auth else EVERYBODY
            await self.context.quotas.check_rate(caller.key)
        except GatelabError as error:
            await refusal(scope["path"], error)(scope, receive, send)
            return
        await self._paces[caller.account].turn()
        scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        """
        Raises:
            NotAuthenticated: the request has no valid key.
        """
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        secret = secret_of(given.decode("latin-1"), HTTPConnection(scope))
        if secret is None:
            raise NotAuthenticated(
                "an API key is missing: send it as Authorization: Bearer KEY; `gatelab keys create` makes one"
            )
        digest = sha256(secret.encode(errors="surrogatepass")).digest()
        known = self._callers.find(digest)
        if known is not None and known.key not in self.context.revoked:
            return known
        return await asyncio.shield(self._lookup(digest, secret))

    def _lookup(self, digest: bytes, secret: str) -> "asyncio.Future[Caller]":
        """The owner of a secret. Simultaneous requests with the same secret wait for one lookup and delay no others."""
        if (lookup := self._lookups.get(digest)) is None:
            stamp = self._callers.stamp()
            asked = self.context.short_reads.look(lambda store: caller_of(store, secret))
            lookup = self._lookups[digest] = asyncio.ensure_future(asked)
            lookup.add_done_callback(partial(self._answered, digest, stamp))
        return lookup

    def _answered(self, digest: bytes, stamp: int | None, lookup: "asyncio.Future[Caller]") -> None:
        del self._lookups[digest]
        # The client may have gone.
        if not lookup.cancelled() and lookup.exception() is None:
            self._callers.keep(digest, lookup.result(), stamp)
