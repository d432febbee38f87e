"""The book's model, trained by Gatelab and by the textbook's code: a CSV with one row for each training."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from benchmarks.published import files
from gatelab.reports.statistics import LEVEL, mean_interval
from gatelab.reports.tables import DASH, Table

FILES = ("book-model",)
OURS, THEIRS = "Gatelab", "textbook"
MEASURES = {"train": "train_perplexity", "validation": "validation_perplexity"}


class Training(BaseModel):
    """Perplexities after the last epoch. The speed counts training steps alone."""

    cell: str
    lr: float
    by: str
    seed: int
    train_perplexity: float
    validation_perplexity: float
    tokens_per_second: float


class Difference(NamedTuple):
    """Gatelab's mean perplexity less the textbook's. All intervals of a file hold together with 95 % confidence."""

    cell: str
    measure: str
    mean: float
    low: float
    high: float


def read(file: Path) -> list[Training]:
    """The rows of a file.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    return files.read_as(file, Training)


def write(file: Path, found: Sequence[Training]) -> None:
    """All rows, in the order in which they were measured."""
    files.write_all(file, found)


def groups(found: Sequence[Training]) -> dict[tuple[str, str], list[Training]]:
    """The trainings of each cell by each of the two."""
    by: dict[tuple[str, str], list[Training]] = {}
    for training in found:
        by.setdefault((training.cell, training.by), []).append(training)
    return by


def results(found: Sequence[Training]) -> Table:
    """One row for each cell and code: means over seeds with their 95 % intervals."""
    rows = [
        [cell, f"{of[0].lr:g}", by, str(len(of)), *(_mean(_values(of, measure)) for measure in MEASURES)]
        for (cell, by), of in groups(found).items()
    ]
    columns = ["cell", "lr", "by", "seeds", *(f"{measure} perplexity" for measure in MEASURES)]
    return Table("Perplexities", columns, rows, frozenset({1, 3, 4, 5}))


def differences(found: Sequence[Training]) -> list[Difference]:
    """By Welch's t-test: the two draw other initial values from a seed, so their seeds are no pairs."""
    from scipy.stats import ttest_ind

    by = groups(found)
    cells = list(dict.fromkeys(cell for cell, _ in by))
    level = 1 - LEVEL / (len(cells) * len(MEASURES))
    compared = []
    for cell in cells:
        for measure in MEASURES:
            ours, theirs = (_values(by[cell, code], measure) for code in (OURS, THEIRS))
            test = ttest_ind(ours, theirs, equal_var=False)
            bounds = test.confidence_interval(level)
            mean = sum(ours) / len(ours) - sum(theirs) / len(theirs)
            compared.append(Difference(cell, measure, mean, float(bounds.low), float(bounds.high)))
    return compared


def comparison(found: Sequence[Training]) -> Table:
    """One row for each cell and measure."""
    rows = [
        [each.cell, each.measure, f"{each.mean:+.3f}", f"{each.low:+.3f} to {each.high:+.3f}"]
        for each in differences(found)
    ]
    columns = ["cell", "perplexity", "Gatelab less the textbook", "95 % interval"]
    return Table("Differences", columns, rows, frozenset({2, 3}))


TABLES: Mapping[str, Callable[[Sequence[Training]], Table]] = {"results": results, "differences": comparison}


def _values(of: Sequence[Training], measure: str) -> list[float]:
    return [getattr(training, MEASURES[measure]) for training in of]


def _mean(values: Sequence[float]) -> str:
    interval = mean_interval(values)
    if interval is None:
        return DASH
    return f"{interval.mean:.3f}" + ("" if interval.high is None else f" ± {interval.high - interval.mean:.3f}")
