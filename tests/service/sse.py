"""Reading server-sent events, after the standard's own algorithm."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ServerSent:
    name: str
    id: str | None
    data: Any


def parse(lines: Iterable[str]) -> Iterator[ServerSent]:
    """The events of a stream. A last one that no blank line ends is not one."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            field, _, value = line.partition(":")
            fields[field] = fields[field] + "\n" + value[1:] if field == "data" and field in fields else value[1:]
        elif "data" in fields:
            yield ServerSent(fields.get("event", "message"), fields.get("id"), json.loads(fields["data"]))
            fields = {}


def events(text: str) -> list[ServerSent]:
    return list(parse(text.splitlines()))
