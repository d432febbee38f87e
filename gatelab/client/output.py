"""Output of the command line: tables and text on standard output, errors on standard error."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gatelab.client.errors import ApiError
from gatelab.client.formatting import printable
from gatelab.errors import GatelabError, InvalidInput
from gatelab.specs import yaml_reader

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 400
"""The width if standard output is not a terminal, large enough that no cell is cut."""


def console() -> "Console":
    """Standard output. Made for every use, since standard output may be replaced."""
    from rich.console import Console

    out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if not out.is_terminal:
        out.width = PIPE_WIDTH
    return out


def print_line(text: str) -> None:
    console().print(printable(text))


def print_json(answer: BaseModel | Sequence[BaseModel]) -> None:
    """One answer as a JSON object, several as an array."""
    data = (
        answer.model_dump(mode="json") if isinstance(answer, BaseModel) else [a.model_dump(mode="json") for a in answer]
    )
    print(json.dumps(data, indent=2, allow_nan=False))


def print_yaml(data: Any) -> None:
    print_line(yaml_reader.dump(data).rstrip())


def print_error(error: GatelabError) -> None:
    """One red line for every problem."""
    from rich.console import Console
    from rich.text import Text

    problems = error.problems if isinstance(error, InvalidInput | ApiError) else ()
    err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    for line in [str(problem) for problem in problems] or [str(error)]:
        err.print(Text(printable(line), style="red"))


def print_note(text: str) -> None:
    """Print a note to standard error, so that a pipe carries only the result."""
    from rich.console import Console

    Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True).print(printable(text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table whose columns after the first two are right-aligned if they hold numbers."""
    from rich.table import Table
    from rich.text import Text

    rows = [[printable(cell) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        numeric = any(row[index][:1].isdigit() for row in rows) and index > 1
        table.add_column(column, justify="right" if numeric else "left", no_wrap=index == 0)
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)
