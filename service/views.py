"""Common parts of all answers: lists in pages, points in time. The shapes are those of `gatelab.wire`."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel

from gatelab.store.pagination import Page as StoredPage
from gatelab.wire.base import Page, moment

Item = TypeVar("Item", bound=BaseModel)
Row = TypeVar("Row")


def page(stored: StoredPage[Row], view: Callable[[Row], Item]) -> Page[Item]:
    return Page(data=[view(row) for row in stored.items], next=stored.next)


def whole(items: Iterable[Item]) -> Page[Item]:
    """A list that is answered in one piece."""
    return Page(data=list(items))


def moment_if(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)
