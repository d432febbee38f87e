"""CSV files of raw results (RFC 4180), one row for each run."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

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
