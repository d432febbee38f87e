"""A heat map as lines of text: one coloured digit per step, the first decimal, readable without colours too."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from gatelab.client.formatting import printable
from gatelab.client.heat.colours import Colour, colour, ink
from gatelab.client.heat.panels import Panel, marks

LABEL = 10
"""Columns of a row's label."""


def render(panels: Sequence[Panel], tokens: Sequence[str], width: int, encoding: str = "utf-8") -> Iterator[Text]:
    """The lines of all panels, each in pieces that fit `width` columns of a terminal that has an encoding."""
    letters = [mark if cell_len(mark) == 1 and _has(encoding, mark) else "?" for mark in marks(tokens)]
    for panel in panels:
        yield Text(printable(panel.title), style="bold")
        columns = max(10, width - LABEL)
        for start in range(0, len(tokens), columns):
            piece = slice(start, start + columns)
            number = f"{start:>{LABEL - 1}} " if len(tokens) > columns else " " * LABEL
            yield Text(number + "".join(letters[piece]))
            for label, values in panel.rows:
                line = Text(f"{label:<{LABEL - 1}.{LABEL - 1}} ")
                for value in values[piece]:
                    background = colour(value, panel.low)
                    line.append(digit(value), Style(color=_hex(ink(background)), bgcolor=_hex(background)))
                yield line
        yield Text("")


def _has(encoding: str, mark: str) -> bool:
    return mark.encode(encoding, errors="ignore") != b""


def digit(value: float | None) -> str:
    """The first decimal of the absolute value; 9 for 1 as well."""
    return " " if value is None else str(min(int(abs(value) * 10), 9))


def _hex(found: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*found)
