"""The raw accuracies of recall: a CSV with one row for each run, and the tables of docs/exercises/memory.md."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from benchmarks.published import files
from gatelab.client.formatting import cell as in_words
from gatelab.reports.tables import Table
from gatelab.specs import RunSpec
from gatelab.specs.initial import PartsInitSpec

EXAMPLES = ("memory", "forget-bias")
"""Jobs of examples/ that are trained; each has a file of results."""

FILES = (*EXAMPLES, "copying")
"""Files of `RecallResult`. Copying several symbols is the example `memory` on another task."""

NAMES = {
    "rnn": "tanh RNN",
    "gru reset": "GRU, reset gate only",
    "gru update": "GRU, update gate only",
    "gru": "GRU, both gates",
    "lstm": "LSTM",
    "lstm forget=1": "LSTM, forget bias 1",
}
"""What `gatelab` calls a cell -> what the page does."""


class RecallResult(BaseModel):
    """One run. Accuracies of recall are shares of 1,000 lines' symbols: at its own lag, and at twice that lag."""

    width: int
    lag: int
    cell: str
    seed: int
    epochs: int
    parameters: int
    validation_loss: float
    recall: float
    recall_at_twice_the_lag: float
    seconds: float
    trained_together: int


Curves = dict[str, dict[int, list[float]]]
"""Cell -> lag -> the accuracy of each seed."""


def name(spec: RunSpec) -> str:
    """The cell of a run as the page calls it."""
    forget = isinstance(spec.model.init, PartsInitSpec) and spec.model.init.biases.get("forget")
    return NAMES[in_words(spec.model_dump(mode="json")) + (f" forget={forget:g}" if forget else "")]


def read(file: Path) -> list[RecallResult]:
    """The rows of a file.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    return files.read_as(file, RecallResult)


def write(file: Path, found: Sequence[RecallResult]) -> None:
    """All rows, by lag, cell and seed."""
    order = list(NAMES.values())
    ordered = sorted(found, key=lambda row: (row.width, row.lag, order.index(row.cell), row.seed))
    files.write_all(file, ordered)


def curves(found: Sequence[RecallResult], twice: bool = False) -> Curves:
    """The accuracies at the lag of training, or at twice that lag."""
    drawn: Curves = {}
    for row in found:
        accuracy = row.recall_at_twice_the_lag if twice else row.recall
        drawn.setdefault(row.cell, {}).setdefault(row.lag, []).append(accuracy)
    return drawn


def recall(found: Sequence[RecallResult], twice: bool = False) -> Table:
    """Means over the seeds, with the worst and the best seed where they differ."""
    drawn = curves(found, twice)
    lags = sorted({row.lag for row in found})
    rows = [[cell, *(_cell(of_lag[lag]) for lag in lags)] for cell, of_lag in drawn.items()]
    return Table("Recall", ["cell", *(f"lag {lag}" for lag in lags)], rows)


def remembering(found: Sequence[RecallResult]) -> Table:
    """How many seeds name at least 99 % of the symbols."""
    drawn = curves(found)
    lags = sorted({row.lag for row in found})
    rows = [[cell, *(_count(of_lag[lag]) for lag in lags)] for cell, of_lag in drawn.items()]
    return Table("Seeds that remember", ["cell", *(f"lag {lag}" for lag in lags)], rows)


TABLES: Mapping[str, Callable[[Sequence[RecallResult]], Table]] = {
    "recall": recall,
    "recall-at-twice-the-lag": lambda found: recall(found, twice=True),
    "remembering": remembering,
}


def _count(accuracies: Sequence[float]) -> str:
    return f"{sum(accuracy >= 0.99 for accuracy in accuracies)} of {len(accuracies)}"


def _cell(accuracies: Sequence[float]) -> str:
    mean, low, high = statistics.fmean(accuracies), min(accuracies), max(accuracies)
    return f"{mean:.0%}" + (f" ({low:.0%} to {high:.0%})" if f"{low:.0%}" != f"{high:.0%}" else "")
