"""A report as one HTML file: without scripts, fonts or pictures from elsewhere; it contains its charts."""

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from gatelab.reports import tables
from gatelab.reports.charts import COLOURS, Series, bar_chart, line_chart
from gatelab.reports.heat_map import heat_map
from gatelab.reports.labels import short_names
from gatelab.reports.report import Effect, Influence, Report
from gatelab.specs import yaml_reader
from gatelab.wire.evaluations import perplexity

if TYPE_CHECKING:
    from jinja2 import Template

BEST = 10
"""If there are more than twice as many variants, this many are shown first, and all when the reader asks for them."""


def as_html(report: Report) -> str:
    """The whole page. Every text is escaped by the template or by the charts."""
    drawn = _drawn(report)
    return _template().render(
        report=report,
        facts=tables.facts(report),
        results=tables.results(report),
        best=tables.results(report, _best(report)[:BEST]) if len(report.variants) > 2 * BEST else None,
        pairs=tables.pairs(report) if report.comparison.pairs else None,
        importance=tables.importance(report.influence) if report.influence else None,
        effects=tables.main_effects(report.influence) if report.influence else None,
        curves=tables.curves(report, drawn) if drawn else None,
        branches=tables.branches(report) if report.branches else None,
        runs=tables.runs(report),
        heat=heat_map(report),
        curve_chart=_curves(report, drawn),
        effect_charts=_effects(report.influence) if report.influence else (),
        share_chart=_shares(report.influence) if report.influence else "",
        spec=yaml_reader.dump(report.spec) if report.spec else "",
    )


@cache
def _template() -> "Template":
    # Imported here so that the service starts without it.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("gatelab.reports")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.j2")


def _best(report: Report) -> list[int]:
    """All variants, those of the lowest mean validation perplexity first."""

    def rank(number: int) -> float:
        interval = report.variants[number].averages.validation_perplexity
        return interval.mean if interval else math.inf

    return sorted(range(len(report.variants)), key=rank)


def _drawn(report: Report) -> list[int]:
    """The variants whose learning curves are drawn: all, or the best ones if there are many."""
    there = {curve.variant for curve in report.curves if any(loss is not None for loss in curve.validation_loss)}
    return sorted([number for number in _best(report) if number in there][:COLOURS])


def _curves(report: Report, drawn: Sequence[int]) -> str:
    series, begun = [], {branch.run: branch for branch in report.branches if branch.continues}
    for number in drawn:
        curve, runs = report.curves[number], report.variants[number].runs
        points = _known(curve.epochs, [perplexity(loss) for loss in curve.validation_loss])
        if len(runs) == 1 and (branch := begun.get(runs[0])) and (value := perplexity(branch.loss_there)):
            # Its curve begins where it branches off from its parent's.
            points = [(float(branch.epoch or 0), value), *points]
        series.append(Series(f"{number}: {report.variants[number].label}", points))
    return line_chart("Validation perplexity by epoch", series, "epoch", "validation perplexity", log_y=True)


def _known(places: Sequence[float], values: Sequence[float | None]) -> list[tuple[float, float]]:
    """The points that have a value."""
    return [(float(place), value) for place, value in zip(places, values, strict=True) if value is not None]


def _effects(influence: Influence) -> list[tuple[str, str]]:
    """For each hyper-parameter of numbers, its name and a chart of its main effects on perplexity and on seconds."""
    names = short_names([effect.path for effect in influence.effects])
    numeric = [effect for effect in influence.effects if _is_numeric(effect)]
    return [(names[effect.path], _effect(effect, names[effect.path])) for effect in numeric]


def _effect(effect: Effect, name: str) -> str:
    levels = sorted(effect.levels, key=lambda level: float(level.value))
    values = [float(level.value) for level in levels]
    log = min(values) > 0 and max(values) / min(values) > 5
    losses = _known(values, [level.validation_perplexity for level in levels])
    seconds = _known(values, [level.seconds for level in levels])
    first = line_chart(
        f"Validation perplexity by {name}", [Series("", losses)], name, "validation perplexity", log_x=log, log_y=True
    )
    second = line_chart(f"Seconds by {name}", [Series("", seconds)], name, "seconds", log_x=log, log_y=log)
    return f'<div class="pair">{first}{second}</div>'


def _is_numeric(effect: Effect) -> bool:
    values = [level.value for level in effect.levels]
    return len(values) > 1 and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _shares(influence: Influence) -> str:
    names = short_names([effect.path for effect in influence.effects])
    bars = [(names[e.path], e.loss_share) for e in influence.effects if e.loss_share is not None]
    if influence.loss_rest:
        rest = influence.loss_rest
        bars.append(("interactions" if rest.seeds is not None else "interactions and chance", rest.interactions))
        if rest.seeds is not None:
            bars.append(("seeds", rest.seeds))
    return bar_chart("Share of the variance of validation loss", bars) if bars else ""
