"""Gates during training: a CSV with one row for each run and epoch, and the table of docs/exercises/memory.md."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from benchmarks.published import files
from gatelab.reports.tables import Table

FILES = ("gates-in-training",)

EPOCHS = (1, 2, 5, 10, 20, 40)


class Look(BaseModel):
    """A run after an epoch: its accuracy of recall, and the shares of the activations of its gates.

    `over` and `under` count activations over 0.9 and under 0.1, by all units and held-out tokens.
    """

    cell: str
    lag: int
    seed: int
    epoch: int
    recall: float
    update_over: float
    update_under: float
    reset_under: float | None = None


ROWS: Mapping[str, str] = {
    "recall": "recall",
    "z over 0.9": "update_over",
    "z under 0.1": "update_under",
    "r under 0.1": "reset_under",
}
"""What the table shows of each cell -> the column."""


def read(file: Path) -> list[Look]:
    """The rows of a file.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    return files.read_as(file, Look)


def write(file: Path, found: Sequence[Look]) -> None:
    """All rows, in the order in which they were measured."""
    files.write_all(file, found)


def values(found: Sequence[Look], cell: str, column: str, epoch: int) -> list[float]:
    """What each seed measured, by seed; nothing if the cell has no such gate."""
    looks = sorted((look for look in found if (look.cell, look.epoch) == (cell, epoch)), key=lambda look: look.seed)
    return [value for look in looks if (value := getattr(look, column)) is not None]


def epochs(found: Sequence[Look]) -> Table:
    """The mean over seeds of each share, one row for each cell and share."""
    rows = []
    for cell in dict.fromkeys(look.cell for look in found):
        for shown, column in ROWS.items():
            means = [statistics.fmean(of) for epoch in EPOCHS if (of := values(found, cell, column, epoch))]
            if means:
                rows.append([cell, shown, *(f"{mean:.1%}" for mean in means)])
    columns = ["cell", "share", *(f"epoch {epoch}" for epoch in EPOCHS)]
    return Table("Gates during training", columns, rows, frozenset(range(2, len(columns))))


TABLES: Mapping[str, Callable[[Sequence[Look]], Table]] = {"epochs": epochs}
