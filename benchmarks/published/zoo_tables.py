"""The tables of docs/results/cell-zoo.md."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.published import zoo
from benchmarks.published.power import detectable
from benchmarks.published.zoo import Choice, RecallRow, TextRow
from gatelab.reports.statistics import mean_interval, paired_tests
from gatelab.reports.tables import DASH, Table

BASELINES = ("gru", "lstm")
"""Every cell is compared with these, and these with one another."""


class Difference(NamedTuple):
    """A cell's test losses less a baseline's, seed by seed, in nats per token.

    `low` and `high` bound an interval; those of all differences hold together with 95 % confidence. `p_adjusted` is
    corrected to match. `found` is the difference that such a test finds with 80 % probability.
    """

    cell: str
    baseline: str
    seeds: int
    mean: float
    low: float
    high: float
    p: float
    p_adjusted: float
    found: float

    @property
    def verdict(self) -> str:
        if self.low > 0:
            return "worse"
        return "better" if self.high < 0 else "not told apart"


Losses = dict[str, dict[int, float]]
"""Cell -> seed -> test loss, of the runs that are compared and succeeded."""


def losses(rows: Sequence[TextRow]) -> Losses:
    found: Losses = {}
    for row in rows:
        if row.part == "comparison":
            of_cell = found.setdefault(row.cell, {})
            if row.test_loss is not None:
                of_cell[row.seed] = row.test_loss
    return found


def differences(rows: Sequence[TextRow]) -> list[Difference]:
    """Every cell less every baseline, each pair once, over the seeds with which both succeeded, at least two."""
    found = losses(rows)
    pairs = [(cell, of) for of in BASELINES for cell in found if (cell, of) != BASELINES and cell != of]
    common = {pair: sorted(found[pair[0]].keys() & found[pair[1]].keys()) for pair in pairs}
    testable = {pair: seeds for pair, seeds in common.items() if len(seeds) > 1}
    return [_difference(found, *pair, seeds, len(testable)) for pair, seeds in testable.items()]


def _difference(found: Losses, cell: str, baseline: str, seeds: Sequence[int], comparisons: int) -> Difference:
    values = np.array([found[cell][seed] - found[baseline][seed] for seed in seeds])
    tests, mean = paired_tests(values[None], comparisons), float(values.mean())
    half, p, p_adjusted = (float(column[0]) for column in tests)
    found_with = detectable(float(values.std(ddof=1)), len(seeds), comparisons)
    return Difference(cell, baseline, len(seeds), mean, mean - half, mean + half, p, p_adjusted, found_with)


def _ranked(rows: Sequence[TextRow]) -> list[str]:
    """The cells, the lowest mean test loss first."""
    found = losses(rows)
    return sorted(found, key=lambda cell: statistics.fmean(found[cell].values()) if found[cell] else float("inf"))


def text_results(rows: Sequence[TextRow]) -> Table:
    """One row for each cell, the best first."""
    compared = [row for row in rows if row.part == "comparison"]
    found, choices, beside = (
        losses(rows),
        zoo.choose(rows),
        {(each.cell, each.baseline): each for each in differences(rows)},
    )
    lines = []
    for cell in _ranked(rows):
        of_cell, choice = [row for row in compared if row.cell == cell], choices[cell]
        against = [_beside(beside.get((cell, baseline))) for baseline in BASELINES]
        lines.append(
            [
                cell,
                f"{of_cell[0].parameters:,}",
                f"{choice.lr:g}",
                str(choice.epochs),
                f"{len(found[cell])} of {len(of_cell)}",
                *_mean(list(found[cell].values())),
                *against,
            ]
        )
    columns = [
        "cell",
        "parameters",
        "rate",
        "epochs",
        "seeds",
        "test loss",
        "test ppl",
        "less the GRU's",
        "less the LSTM's",
    ]
    return Table("Test losses", columns, lines, frozenset(range(1, 7)))


def _mean(values: Sequence[float]) -> tuple[str, str]:
    """The mean with its 95 % interval, and the mean of the perplexities."""
    interval = mean_interval(values)
    if interval is None:
        return DASH, DASH
    half = "" if interval.high is None else f" ± {interval.high - interval.mean:.4f}"
    return f"{interval.mean:.4f}{half}", f"{statistics.fmean(np.exp(values)):.3f}"


def _beside(difference: Difference | None) -> str:
    if difference is None:
        return DASH
    return f"{difference.mean:+.4f} ± {difference.high - difference.mean:.4f}: {difference.verdict}"


def text_differences(rows: Sequence[TextRow]) -> Table:
    """One row for each difference."""
    order = _ranked(rows)
    lines = [
        [
            each.cell,
            each.baseline,
            str(each.seeds),
            f"{each.mean:+.4f}",
            f"{each.low:+.4f} to {each.high:+.4f}",
            f"{each.p:.3g}",
            f"{each.p_adjusted:.3g}",
            f"{each.found:.4f}",
            each.verdict,
        ]
        for each in sorted(differences(rows), key=lambda each: (each.baseline, order.index(each.cell)))
    ]
    measured = ["difference (nats)", "95 % interval", "p", "p adjusted", "found with 80 % probability"]
    return Table("Differences", ["cell", "less", "seeds", *measured, "verdict"], lines, frozenset(range(2, 8)))


def text_tuning(rows: Sequence[TextRow]) -> Table:
    """One row for each cell: the mean lowest validation loss at each rate, and what is chosen."""
    choices, tuned = zoo.choose(rows), zoo.by_rate(rows)
    rates = sorted({lr for of in tuned.values() for lr in of})
    lines = [[cell, *(_tuned(of[lr]) for lr in rates), *_chosen(choices[cell])] for cell, of in tuned.items()]
    return Table(
        "Tuning", ["cell", *(f"rate {lr:g}" for lr in rates), "chosen", "epochs"], lines, frozenset(range(1, 7))
    )


def _tuned(rows: Sequence[TextRow]) -> str:
    diverged = sum(row.state == "diverged" for row in rows)
    loss = zoo.best_loss(rows)
    shown = f"{loss:.4f}" if np.isfinite(loss) else DASH
    return shown + (f" ({diverged} of {len(rows)} diverged)" if diverged else "")


def _chosen(choice: Choice) -> tuple[str, str]:
    return f"{choice.lr:g}", str(choice.epochs)


# -- Recall -----------------------------------------------------------------------------------------------------------


def recall_results(rows: Sequence[RecallRow]) -> Table:
    """One row for each cell, those first that remember with most seeds."""
    compared = [row for row in rows if row.part == "comparison"]
    lags, choices = sorted({row.lag for row in compared}), zoo.choose_recall(rows)
    by_cell = {cell: [row for row in compared if row.cell == cell] for cell in sorted({row.cell for row in compared})}

    def rank(cell: str) -> tuple[float, float, str]:
        of_cell = by_cell[cell]
        return -sum(row.remembers for row in of_cell), -sum(row.recall for row in of_cell), cell

    lines = [
        [
            cell,
            f"{by_cell[cell][0].parameters:,}",
            f"{choices[cell].lr:g}",
            *(text for lag in lags for text in _remembered([row for row in by_cell[cell] if row.lag == lag])),
        ]
        for cell in sorted(by_cell, key=rank)
    ]
    columns = [f"lag {lag}: {what}" for lag in lags for what in ("remember", "accuracy", "steps")]
    return Table("Recall", ["cell", "parameters", "rate", *columns], lines, frozenset(range(1, 3 + 3 * len(lags))))


def _remembered(rows: Sequence[RecallRow]) -> tuple[str, str, str]:
    """How many seeds remember, the accuracies, and after how many steps those ended that remember."""
    steps = [row.step for row in rows if row.remembers]
    diverged = sum(row.state == "diverged" for row in rows)
    share = f"{len(steps)} of {len(rows)}" + (f", {diverged} diverged" if diverged else "")
    return share, _accuracy(rows), f"{statistics.median(steps):,.0f}" if steps else DASH


def _accuracy(rows: Sequence[RecallRow]) -> str:
    found = [row.recall for row in rows]
    low, high = f"{min(found):.0%}", f"{max(found):.0%}"
    return f"{statistics.fmean(found):.0%}" + (f" ({low} to {high})" if low != high else "")


def recall_tuning(rows: Sequence[RecallRow]) -> Table:
    """One row for each cell: how many seeds remember at each rate and how well, and the rate that is chosen."""
    choices, tuned = zoo.choose_recall(rows), zoo.by_rate(rows)
    rates = sorted({lr for of in tuned.values() for lr in of})
    lines = [
        [cell, *(f"{_remembered(of[lr])[0]}, {_accuracy(of[lr])}" for lr in rates), f"{choices[cell].lr:g}"]
        for cell, of in tuned.items()
    ]
    return Table("Tuning", ["cell", *(f"rate {lr:g}" for lr in rates), "chosen"], lines, frozenset({1 + len(rates)}))


TEXT: Mapping[str, Callable[[Sequence[TextRow]], Table]] = {
    "results": text_results,
    "differences": text_differences,
    "tuning": text_tuning,
}
RECALL: Mapping[str, Callable[[Sequence[RecallRow]], Table]] = {"results": recall_results, "tuning": recall_tuning}


def table(file: Path, kind: str) -> Table | None:
    """A table of one of the two files; None if it has none of this kind."""
    if file.stem == "cell-zoo" and kind in TEXT:
        return TEXT[kind](zoo.read(file, TextRow))
    if file.stem == "cell-zoo-recall" and kind in RECALL:
        return RECALL[kind](zoo.read(file, RecallRow))
    return None
