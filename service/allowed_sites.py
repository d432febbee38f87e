"""The sites from which a browser may reach the service: against DNS rebinding (Host) and forged requests (Origin)."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class AllowedSites:
    """Refuses requests under a foreign host name, and requests from pages of other sites that would change something.

    A name that an attacker's DNS resolves to this machine is neither localhost, nor an address, nor one of `hosts`. A
    browser names the site whose page sends a request in `Origin`; programs send none.
    """

    def __init__(self, hosts: str, origins: str) -> None:
        self._origins = set(listed(origins))
        self._is_ours = lru_cache(maxsize=256)(_Names({"localhost", *listed(hosts)}).has)

    def objection(self, method: str, headers: Mapping[bytes, bytes]) -> str | None:
        """The reason why the request is refused, if it is."""
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._is_ours(host[:_LONGEST]):
            return f"this service is not known as {host[:100]!r}; GATELAB_ALLOWED_HOSTS lists its names"
        if method in SAFE_METHODS or (given := headers.get(b"origin")) is None:
            return None
        origin = given.decode("latin-1")
        if origin in self._origins:
            return None
        if urlsplit(origin).netloc != host:
            return f"pages of {origin[:100]!r} may not use the service; GATELAB_CORS_ORIGINS lists those that may"
        return None


_LONGEST = 300
"""The most characters of a name with its port."""


class _Names:
    """The names of the service."""

    def __init__(self, hosts: set[str]) -> None:
        self._hosts = hosts

    def has(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
