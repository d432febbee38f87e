"""Lists in pages, by key instead of by offset, so that no row is seen twice or missed while rows are added."""

import base64
import binascii
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Connection, RowMapping, Select, tuple_

from gatelab.errors import InvalidRequest

Item = TypeVar("Item")

LARGEST_PAGE = 1000
PAGE_CHARACTERS = 4 * 2**20
"""A page ends with the item whose texts exceed this, so that a thousand specs of a megabyte are not read at once."""
_ROWS_AT_ONCE = 32
"""The number of rows that are fetched at a time if their texts may be long."""


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
    size: Callable[[RowMapping], int] | None = None,
) -> Page[RowMapping]:
    """The next `limit` rows of `query` in the order of `key`, which must be unique, after `cursor`.

    Args:
        size: the characters of the texts of a row, if they may be long. The page then ends as soon as they have
            `PAGE_CHARACTERS` together.

    Raises:
        InvalidRequest: the cursor does not belong to this list, or the limit is out of range.
    """
    check_limit(limit)
    query = query.add_columns(*(column.label(f"key_{place}") for place, column in enumerate(key)))
    if cursor is not None:
        after = tuple_(*_decode(cursor, key))
        query = query.where(tuple_(*key) < after if newest_first else tuple_(*key) > after)
    order = [column.desc() if newest_first else column.asc() for column in key]
    rows, more = first_rows(connection, query.order_by(*order).limit(limit + 1), limit, size, PAGE_CHARACTERS)
    last = _encode([rows[-1][f"key_{place}"] for place in range(len(key))]) if more else None
    return Page(rows, last)


def first_rows(
    connection: Connection,
    query: Select[Any],
    limit: int,
    size: Callable[[RowMapping], int] | None,
    most: int,
) -> tuple[list[RowMapping], bool]:
    """At most `limit` rows, up to the one with which their `size` reaches `most`; and whether others follow them."""
    if size is None:
        found = connection.execute(query).mappings().all()
        return list(found[:limit]), len(found) > limit
    rows: list[RowMapping] = []
    taken = 0
    query = query.execution_options(stream_results=True, max_row_buffer=_ROWS_AT_ONCE)
    with connection.execute(query) as result:
        for row in result.mappings():
            if len(rows) == limit or taken >= most:
                return rows, True
            rows.append(row)
            taken += size(row)
    return rows, False


def check_limit(limit: int) -> None:
    """
    Raises:
        InvalidRequest: `limit` is not in 1..1000.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidRequest.at("limit", f"must be from 1 to {LARGEST_PAGE} (got {limit})")


def _encode(key: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(cursor: str, columns: Sequence[ColumnElement[Any]]) -> list[Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if not (isinstance(key, list) and len(key) == len(columns) and all(map(_storable, key, columns))):
        raise InvalidRequest.at("cursor", "is not a cursor of this list; use `next` of the previous page")
    return key


def _storable(value: object, column: ColumnElement[Any]) -> bool:
    if type(value) is not column.type.python_type:
        return False
    if isinstance(value, str):
        return value.isascii() and value.isprintable()
    if isinstance(value, int):
        bits = 63 if isinstance(column.type, BigInteger) else 31
        return 0 <= value < 1 << bits
    return isinstance(value, float) and math.isfinite(value)
