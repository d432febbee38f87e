"""What is wrong with the equations of a cell, and where."""

from dataclasses import dataclass

from gatelab.errors import InvalidInput, Problem

WIDEST = 100
"""Characters of a line that are shown around a mistake."""


@dataclass(frozen=True)
class Place:
    """A place in the text: `line` and `column` count from 1, `length` in characters."""

    line: int
    column: int
    length: int = 1


class InvalidEquations(InvalidInput):
    """The equations of a cell have a mistake.

    Attributes:
        place: where it is; None for a mistake without a place, such as a missing line.
    """

    code = "invalid-equations"
    title = "Invalid equations"

    def __init__(self, message: str, place: Place | None = None, text: str = "") -> None:
        self.place, self.message = place, message
        super().__init__([Problem("equations", _told(message, place, text))])


def _told(message: str, place: Place | None, text: str) -> str:
    """The message, with the line it is about and a caret under its place."""
    if place is None:
        return message
    where = f"line {place.line}, column {place.column}: {message}"
    lines = text.split("\n")
    if not 1 <= place.line <= len(lines):
        return where
    begin = max(0, place.column - 1 - WIDEST // 2)
    shown = lines[place.line - 1].replace("\t", " ")[begin : begin + WIDEST]
    at = place.column - 1 - begin
    carets = "^" * max(1, min(place.length, len(shown) - at))
    return f"{where}\n    {shown}\n    {' ' * at}{carets}"
