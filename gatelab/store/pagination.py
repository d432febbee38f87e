"""Lists a page at a time, by key instead of by offset: nothing is seen twice or missed while rows are added."""

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, tuple_

from gatelab.errors import InvalidRequest

Item = TypeVar("Item")

LARGEST_PAGE = 1000
_LARGEST_INTEGER = 2**31 - 1


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some items of a list, and the opaque cursor that asks for those after them (None: these are the last)."""

    items: list[Item]
    next: str | None


def fetch(
    connection: Connection,
    query: Select[Any],
    key: Sequence[ColumnElement[Any]],
    *,
    cursor: str | None,
    limit: int,
    newest_first: bool = False,
) -> Page[RowMapping]:
    """The next `limit` rows of `query` in the order of `key`, which must be unique, after `cursor`.

    Raises:
        InvalidRequest: the cursor is not one of this list, or the limit is out of range.
    """
    check_limit(limit)
    query = query.add_columns(*(column.label(f"key_{place}") for place, column in enumerate(key)))
    if cursor is not None:
        after = tuple_(*_decode(cursor, [column.type.python_type for column in key]))
        query = query.where(tuple_(*key) < after if newest_first else tuple_(*key) > after)
    order = [column.desc() if newest_first else column.asc() for column in key]
    rows = connection.execute(query.order_by(*order).limit(limit + 1)).mappings().all()
    more = len(rows) > limit
    rows = rows[:limit]
    last = _encode([rows[-1][f"key_{place}"] for place in range(len(key))]) if more else None
    return Page(list(rows), last)


def check_limit(limit: int) -> None:
    """
    Raises:
        InvalidRequest: `limit` is not in 1..1000.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidRequest.at("limit", f"must be from 1 to {LARGEST_PAGE} (got {limit})")


def _encode(key: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(cursor: str, types: list[type[Any]]) -> list[Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if not (isinstance(key, list) and len(key) == len(types) and all(map(_storable, key, types))):
        raise InvalidRequest.at("cursor", "is not a cursor of this list; take it from the page before")
    return key


def _storable(value: object, kind: type[Any]) -> bool:
    if type(value) is not kind:
        return False
    if isinstance(value, str):
        return value.isascii() and value.isprintable()
    if isinstance(value, int):
        return 0 <= value <= _LARGEST_INTEGER
    return isinstance(value, float) and math.isfinite(value)
