"""Keys and accounts."""

from __future__ import annotations

from gatelab.client.calls.base import Calls, path_of
from gatelab.client.models import ApiKey, NewKey, Page


class KeyCalls(Calls):
    """The methods of `gatelab.Gatelab` for keys."""

    def create_key(self, account: str, scope: str = "submit", name: str = "key") -> NewKey:
        """Make a key for an account: `read`, `submit` or `admin`. The service shows its secret only this once."""
        return self._transport.post("/v1/keys", NewKey, {"account": account, "scope": scope, "name": name})

    def keys(self) -> list[ApiKey]:
        """All keys, including revoked ones, without their secrets."""
        return list(self._pages("/v1/keys", Page[ApiKey]))

    def rotate_key(self, key: str) -> NewKey:
        """Replace a key: make a new one, and revoke the old one."""
        return self._transport.post(path_of("keys", key, "rotate"), NewKey)

    def revoke_key(self, key: str) -> None:
        self._transport.delete(path_of("keys", key))
