"""Bounds of whole numbers that come from outside."""

from typing import Annotated

from pydantic import Field

LARGEST = 2**53 - 1
"""The largest that JSON's numbers hold exactly. Python, SQLite and PostgreSQL take it as well."""

Count = Annotated[int, Field(ge=0, le=LARGEST)]
"""A step, or the number of an event."""


def read_count(digits: str) -> int | None:
    """The number in decimal ASCII digits; None if the text is anything else, or the number is over LARGEST."""
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > len(str(LARGEST)):
        return None
    number = int(digits)
    return number if number <= LARGEST else None
