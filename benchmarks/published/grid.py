"""The grid of num_steps, hidden units and learning rates: its tables by size, and what an epoch of each size takes."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from benchmarks.published import files
from gatelab.reports import tables
from gatelab.reports.report import Report, Variant
from gatelab.reports.tables import DASH, Table

FILES = ("gru-grid-seconds",)
"""Files of `Epoch`."""

RUN_EPOCHS = 100
"""The epochs of each run of the grid."""

STEPS, HIDDEN, RATE = "training.num_steps", "model.cell.hidden", "training.optimizer.lr"


class Size(NamedTuple):
    num_steps: int
    hidden: int


class Epoch(BaseModel):
    """What one epoch took, with its evaluation."""

    num_steps: int
    hidden: int
    threads: int
    epoch: int
    seconds: float


def read(file: Path) -> list[Epoch]:
    """The rows of a file.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    return files.read_as(file, Epoch)


def write(file: Path, found: Sequence[Epoch]) -> None:
    """All rows, by size and epoch."""
    files.write_all(file, found)


def run_seconds(found: Iterable[Epoch]) -> dict[Size, float]:
    """The seconds of a run of each size: those of its median epoch, times their number."""
    of_size: dict[Size, list[float]] = {}
    for epoch in found:
        of_size.setdefault(Size(epoch.num_steps, epoch.hidden), []).append(epoch.seconds)
    return {size: RUN_EPOCHS * statistics.median(seconds) for size, seconds in of_size.items()}


def seconds(found: Iterable[Epoch]) -> Table:
    """Seconds of a run of each size."""
    return by_size("Seconds of a run", {size: tables.seconds(each) for size, each in run_seconds(found).items()})


def by_size(title: str, cells: Mapping[Size, str]) -> Table:
    """num_steps down, hidden units across."""
    lengths, widths = (sorted({size[axis] for size in cells}) for axis in (0, 1))
    rows = [[str(length), *(cells.get(Size(length, width), DASH) for width in widths)] for length in lengths]
    columns = ["num_steps \\ hidden", *map(str, widths)]
    return Table(title, columns, rows, frozenset(range(len(columns))))


# -- What the runs learned --------------------------------------------------------------------------------------------


def size_of(variant: Variant) -> Size:
    return Size(variant.values[STEPS], variant.values[HIDDEN])


def perplexities(report: Report, rate: float, measure: str = "validation_perplexity") -> dict[Size, float]:
    """Those of the runs with this learning rate."""
    found = {size_of(each): getattr(each.averages, measure) for each in report.variants if each.values[RATE] == rate}
    return {size: interval.mean for size, interval in found.items() if interval is not None}


def perplexity(report: Report, rate: float) -> Table:
    """The validation perplexity of every size at this learning rate."""
    cells = {size: f"{value:.4g}" for size, value in perplexities(report, rate).items()}
    return by_size(f"Validation perplexity at {rate:g}", cells)


SAMPLES: Sequence[tuple[Size, float]] = [
    (Size(8, 8), 0.01),
    (Size(32, 32), 0.1),
    (Size(32, 32), 1),
    (Size(8, 128), 10),
    (Size(16, 128), 10),
    (Size(32, 128), 10),
    (Size(64, 16), 10),
]
"""The runs whose text the page shows, beside that of the best one: from those that learn least to those that fail."""


def samples(report: Report) -> Table:
    """What these runs and the best one write, by learning rate."""
    runs: dict[Any, Variant] = {(size_of(each), each.values[RATE]): each for each in report.variants}
    shown = [runs[size, rate] for size, rate in SAMPLES]
    if report.best is not None and report.variants[report.best] not in shown:
        shown.append(report.variants[report.best])
    chosen = [each.number for each in sorted(shown, key=lambda each: (each.values[RATE], size_of(each)))]
    return tables.results(report, chosen)


TABLES: Mapping[str, Callable[[Report], Table]] = {
    **{f"perplexity-at-{rate:g}": partial(perplexity, rate=rate) for rate in (0.01, 0.1, 1, 10)},
    "samples": samples,
}
"""Tables that are made from the report of the grid."""

SECONDS: Mapping[str, Callable[[Sequence[Epoch]], Table]] = {"seconds": seconds}
