"""How soon models reached a loss on tiny Shakespeare: a CSV with one row for each look at the held-out text."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from benchmarks.published import files
from gatelab.reports.tables import Table

FILES = ("tiny-shakespeare",)

TARGETS = (1.88, 1.60, 1.50, 1.47)
"""Nats per character. 1.88 and 1.4697 are what nanoGPT's README reports of its settings for a CPU and for a GPU."""


class Score(BaseModel):
    """A loss on the held-out text, in nats per character, after this time of training."""

    contestant: str
    seed: int
    seconds: float
    validation_loss: float


def read(file: Path) -> list[Score]:
    """The rows of a file.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    return files.read_as(file, Score)


def write(file: Path, found: Sequence[Score]) -> None:
    """All rows, in the order in which they were measured."""
    rows = [score.model_dump() for score in found]
    files.write(file, [row | {"seconds": f"{row['seconds']:.1f}"} for row in rows])


def reached(scores: Sequence[Score], target: float) -> float | None:
    """The seconds after which a training first had at most this loss; None if it never had."""
    return next((score.seconds for score in scores if score.validation_loss <= target), None)


def best(scores: Sequence[Score]) -> Score:
    """The look at which a training was best."""
    return min(scores, key=lambda score: score.validation_loss)


def times(found: Sequence[Score]) -> Table:
    """One row for each contestant: its best loss, and the seconds to each target; medians over its seeds."""
    by_seed: dict[str, dict[int, list[Score]]] = {}
    for score in found:
        by_seed.setdefault(score.contestant, {}).setdefault(score.seed, []).append(score)
    columns = ["contestant", "seeds", "best loss", "after", *(f"to {target:.2f}" for target in TARGETS)]
    rows = [
        [
            contestant,
            str(len(trainings)),
            _range([best(scores).validation_loss for scores in trainings.values()]),
            _seconds([best(scores).seconds for scores in trainings.values()]),
            *(_seconds([reached(scores, target) for scores in trainings.values()]) for target in TARGETS),
        ]
        for contestant, trainings in by_seed.items()
    ]
    return Table("Time to a loss", columns, rows, frozenset(range(1, len(columns))))


TABLES: Mapping[str, Callable[[Sequence[Score]], Table]] = {"times": times}


def _range(losses: Sequence[float]) -> str:
    low, middle, high = min(losses), statistics.median(losses), max(losses)
    return f"{middle:.3f}" if low == high else f"{middle:.3f} ({low:.3f} to {high:.3f})"


def _seconds(times: Sequence[float | None]) -> str:
    known = [each for each in times if each is not None]
    if not known:
        return "never"
    share = "" if len(known) == len(times) else f" ({len(known)} of {len(times)})"
    return f"{statistics.median(known):.0f} s{share}"
