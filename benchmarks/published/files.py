"""CSV files of raw results (RFC 4180), one row for each run."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

AnyRow = TypeVar("AnyRow", bound=BaseModel)

Row = Mapping[str, str]
"""Column -> what the file says."""


def read(file: Path) -> list[Row]:
    """The rows of a file.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def write(file: Path, rows: Sequence[Row]) -> None:
    """All rows, at least one; a reader at that moment finds the file as it was before or after."""
    part = file.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    part.replace(file)


def read_as(file: Path, kind: type[AnyRow]) -> list[AnyRow]:
    """The rows of a file, each as an object of this kind. An empty cell is its field's default.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    return [kind.model_validate({name: value for name, value in row.items() if value}) for row in read(file)]


def write_all(file: Path, rows: Sequence[BaseModel]) -> None:
    """All rows, at least one, in this order, with numbers in full precision. None is an empty cell."""
    write(
        file,
        [{name: "" if value is None else str(value) for name, value in row.model_dump().items()} for row in rows],
    )
