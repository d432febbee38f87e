"""API keys."""

from typing import Literal

from pydantic import Field

from gatelab.wire.base import Wire

Scope = Literal["read", "submit", "admin"]


class Key(Wire):
    """A key without its secret."""

    id: str
    account: str
    name: str
    scope: Scope = Field(description="read, submit (and read) or admin (and both)")
    created_at: float = Field(description="seconds since 1970")
    revoked_at: float | None = Field(None, description="seconds since 1970; null while the key is valid")


class NewKey(Wire):
    """The service shows `secret` only this once."""

    key: Key
    secret: str


class Self(Wire):
    """The holder of the key that this request was sent with."""

    account: str
    scope: Scope
    name: str


class SignedIn(Wire):
    auth: bool = Field(description="false where the installation needs no keys")
    account: Self | None = Field(None, description="null if the request had no valid key")
