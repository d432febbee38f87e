"""Keys and who holds them, as the API answers it."""

from gatelab.store.keys import Key as Stored
from gatelab.store.keys import Scope
from service.views import View


class Key(View):
    """A key without its secret. Times are seconds since 1970."""

    id: str
    account: str
    name: str
    scope: Scope
    created_at: float
    revoked_at: float | None

    @classmethod
    def of(cls, stored: Stored) -> "Key":
        return cls(**{name: getattr(stored, name) for name in cls.model_fields})


class NewKey(View):
    """The service shows `secret` only this once."""

    key: Key
    secret: str


class KeyList(View):
    data: list[Key]


class Self(View):
    """Whose key this request was sent with."""

    account: str
    scope: Scope
    name: str


class SignedIn(View):
    """`account` is null where the request came with no good key. `auth` is false where none is asked for."""

    auth: bool
    account: Self | None
