"""What all shapes on the wire have in common."""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Wire(BaseModel):
    """Frozen. A reader ignores fields that it does not know yet; NaN and infinities are null in JSON."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        ser_json_inf_nan="null",
        # Every field is sent, so the description may promise it; the defaults are for readers of older data.
        json_schema_serialization_defaults_required=True,
        # A model is built on first use, so importing the client does not wait for them.
        defer_build=True,
    )

    def stored(self) -> dict[str, Any]:
        """The object as the database keeps it, in JSON types: the fields that are set, without derived ones."""
        return self.model_dump(mode="json", exclude_unset=True)


Item = TypeVar("Item", bound=BaseModel)


class Page(Wire, Generic[Item]):
    """A piece of a list. `next` is the cursor of the following piece, null at the end."""

    data: list[Item]
    next: str | None = None


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a point in time."""
    return datetime.fromtimestamp(seconds, UTC)


def finite(value: Any) -> Any:
    """The value, or None for a float that is NaN or infinite, which JSON cannot represent."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


Measured = Annotated[float | None, BeforeValidator(finite)]
"""A measured number; None if it was not measured or is not finite."""
