"""What the answers of all domains share: lists in pages, states, points in time."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from gatelab.store.pagination import Page as StoredPage

Item = TypeVar("Item")
Row = TypeVar("Row")


class View(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


class Page(View, Generic[Item]):
    """A piece of a list. `next` is the cursor of the following piece, null at the end."""

    data: list[Item]
    next: str | None = None


def page(stored: StoredPage[Row], view: Callable[[Row], Item]) -> Page[Item]:
    return Page(data=[view(row) for row in stored.items], next=stored.next)


def whole(rows: Iterable[Row], view: Callable[[Row], Item]) -> Page[Item]:
    """A list that is answered in one piece."""
    return Page(data=[view(row) for row in rows])


State = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a point in time."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_if(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)
