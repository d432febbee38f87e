"""What the calls of all subjects share: the connection, lists in pages, addresses and bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from gatelab.client.models import Item, Page
from gatelab.client.transport import Transport


class Calls:
    """Calls of the service that `_transport` leads to."""

    _transport: Transport

    @property
    def url(self) -> str:
        return self._transport.url

    def _pages(self, path: str, page: type[Page[Item]], params: Mapping[str, Any] | None = None) -> Iterator[Item]:
        cursor: str | None = None
        while True:
            answer = self._transport.get(path, page, {**(params or {}), **({"cursor": cursor} if cursor else {})})
            yield from answer.data
            if (cursor := answer.next) is None:
                return


def data_of(spec: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    """Fields that the spec leaves out stay left out: the service chooses their defaults."""
    return spec.model_dump(mode="json", exclude_unset=True) if isinstance(spec, BaseModel) else dict(spec)


def path_of(*segments: str) -> str:
    # A command line may hold bytes that are not Unicode. No id has them, so the service answers that it does not exist.
    return "/v1/" + "/".join(quote(segment, safe="", errors="backslashreplace") for segment in segments)
