"""The two most important hyper-parameters, as a table that is also a chart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gatelab.reports.labels import identity, label, short_names
from gatelab.reports.report import Effect, Report, Variant


@dataclass(frozen=True)
class Cell:
    """The best validation perplexity, and its place between the worst (0) and the best (1) of all cells."""

    text: str
    shade: float


@dataclass(frozen=True)
class HeatMap:
    """`rows` are (value of `down`, cells); every cell is the best that any value of the other paths reached."""

    down: str
    across: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    others: str


def heat_map(report: Report) -> HeatMap | None:
    """None if there are fewer than two hyper-parameters."""
    if report.influence is None or len(report.influence.effects) < 2:
        return None
    ranked = sorted(report.influence.effects, key=lambda effect: -(effect.loss_share or 0))
    first, second = sorted(ranked[:2], key=lambda effect: list(report.paths).index(effect.path))
    best = _best(report.variants, first.path, second.path)
    if not best:
        return None
    names = short_names(report.paths)
    columns, rows = _values(second), _values(first)
    logs = [math.log(value) for value in best.values()]
    return HeatMap(
        down=names[first.path],
        across=names[second.path],
        columns=[text for _, text in columns],
        rows=[
            (text, [_cell(best.get((row, column)), min(logs), max(logs)) for column, _ in columns])
            for row, text in rows
        ],
        others=", ".join(names[path] for path in report.paths if path not in (first.path, second.path)),
    )


def _values(effect: Effect) -> list[tuple[str, str]]:
    """Identity and text of the values, in the order of the grid."""
    return [(identity(level.value), label(level.value)) for level in effect.levels]


def _best(variants: Sequence[Variant], down: str, across: str) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for variant in variants:
        interval = variant.averages.validation_perplexity
        if interval is not None:
            key = identity(variant.values[down]), identity(variant.values[across])
            found[key] = min(interval.mean, found.get(key, math.inf))
    return found


def _cell(value: float | None, low: float, high: float) -> Cell:
    if value is None:
        return Cell("\N{EN DASH}", 0.0)
    return Cell(f"{value:.4g}", 1.0 if low == high else (high - math.log(value)) / (high - low))
