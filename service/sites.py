"""Which sites a browser may reach the service from: against DNS rebinding (Host) and forged requests (Origin)."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelab.errors import NotAllowed
from service.callers import refusal

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class SiteCheck:
    """Answers 403 to a request under a foreign name, or from a page of another site that would change something.

    A name that an attacker's DNS sends here is neither localhost, nor an address, nor one of `hosts`. A browser tells
    by `Origin` which site's page sends a request; programs send none.
    """

    def __init__(self, app: ASGIApp, hosts: str, origins: str) -> None:
        self.app = app
        self.hosts = {"localhost", *listed(hosts)}
        self.origins = set(listed(origins))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (reason := self._reason(scope["method"], Headers(scope=scope))):
            await refusal(scope["path"], NotAllowed(reason))(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _reason(self, method: str, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return f"the service is not known under the name {host[:100]!r}; GATELAB_ALLOWED_HOSTS lists its names"
        origin = headers.get("origin")
        if method in SAFE_METHODS or origin is None or origin in self.origins:
            return None
        if urlsplit(origin).netloc != host:
            return f"pages of {origin[:100]!r} may not use the service; GATELAB_CORS_ORIGINS lists those that may"
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self.hosts or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
