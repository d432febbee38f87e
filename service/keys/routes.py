"""/v1/keys: API keys; /v1/login: a key as a cookie, for the page; /v1/account: the caller."""

from fastapi import Request, Response
from pydantic import Field, model_validator

from gatelab.sign_in_links import redeem
from gatelab.specs.base import Spec
from gatelab.specs.job import Name
from gatelab.store.keys import Key as Stored
from gatelab.store.keys import Scope
from gatelab.wire.base import Page
from gatelab.wire.keys import Key, NewKey, Self, SignedIn
from service.authorization import (
    COOKIE,
    Asking,
    Caller,
    caller_of,
    seen,
)
from service.context import Cursor, Limit, Service
from service.keys.views import key_of
from service.routing import OpenRouter, Router
from service.views import page

router = Router(prefix="/v1/keys", tags=["keys"])
account_router = Router(prefix="/v1", tags=["account"])
login_router = OpenRouter(prefix="/v1", tags=["account"])
"""Open to everybody, since a key is first presented here."""

COOKIE_SECONDS = 30 * 24 * 3600

ACCOUNT = r"^[a-z0-9][a-z0-9_-]{0,63}$"


class KeyRequest(Spec):
    account: str = Field(pattern=ACCOUNT, description="lower-case letters, digits, - and _")
    name: Name = Field("key", description="what it is for")
    scope: Scope = Field(Scope.SUBMIT, description="read, submit (and read) or admin (and both)")


class Login(Spec):
    """Either a key or a code."""

    key: str | None = Field(None, pattern=r"^[\x21-\x7e]{1,200}$", description="an API key")
    code: str | None = Field(
        None,
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="the code that `gatelab up` prints; it works once, for the first key",
    )

    @model_validator(mode="after")
    def _one(self) -> "Login":
        if (self.key is None) == (self.code is None):
            raise ValueError("send either key or code")
        return self


@router.post("", status_code=201)
def create_key(service: Service, body: KeyRequest) -> NewKey:
    """Make a key for an account. The first key of an account creates it."""
    return _new(service.store.keys.create(body.account, body.scope, body.name))


@router.get("")
def list_keys(service: Service, cursor: Cursor = None, limit: Limit = 100) -> Page[Key]:
    """List the keys of all accounts, including revoked ones, oldest first."""
    return page(service.store.keys.list(cursor=cursor, limit=limit), key_of)


@router.post("/{key}/rotate", status_code=201)
def rotate_key(service: Service, key: str) -> NewKey:
    """Replace a key: make a new one, and revoke the old one."""
    made = service.store.keys.rotate(key)
    service.revoked.add(key)
    return _new(made)


@router.delete("/{key}", status_code=200)
def revoke_key(service: Service, key: str) -> Key:
    """Revoke a key. It stops working at once."""
    revoked = service.store.keys.revoke(key)
    service.revoked.add(key)
    return key_of(revoked)


@account_router.get("/account")
def account(asking: Asking) -> Self:
    """Get the account and the scope of the key."""
    return _self(asking)


def _self(asking: Caller) -> Self:
    return Self(account=asking.account, scope=asking.scope, name=asking.name)


def _new(made: tuple[Stored, str]) -> NewKey:
    stored, secret = made
    return NewKey(key=key_of(stored), secret=secret)


@login_router.get("/login")
def signed_in(service: Service, request: Request) -> SignedIn:
    """Check whether the page must ask for a key. This request needs no key."""
    found = seen(service, request)
    return SignedIn(auth=service.settings.auth, account=_self(found) if found else None)


@login_router.post("/login", status_code=204)
def login(service: Service, request: Request, response: Response, body: Login) -> None:
    """Sign in: store a key as a cookie, which scripts cannot read and other sites cannot send."""
    if not service.settings.auth:
        return
    key = redeem(service.settings.data_dir, body.code) if body.code is not None else str(body.key)
    caller_of(service.store, key)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, key, COOKIE_SECONDS, httponly=True, samesite="strict", secure=secure)


@login_router.delete("/login", status_code=204)
def logout(response: Response) -> None:
    """Sign out: delete the cookie."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
