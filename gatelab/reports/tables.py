"""The tables of a report, as Markdown and HTML show them alike: text in cells, nothing escaped yet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gatelab.reports.labels import counted, label, short_names
from gatelab.reports.report import (
    Branch,
    Comparison,
    Influence,
    Interval,
    Measures,
    Pair,
    Report,
    Rest,
    RunRow,
    Variant,
)
from gatelab.wire.evaluations import perplexity

DASH = "\N{EN DASH}"


def seconds(value: float) -> str:
    """`0.0123`, `12.3`, `1,234`."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


COLUMNS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "train_perplexity": ("train ppl", "{:.4g}".format),
    "validation_perplexity": ("validation ppl", "{:.4g}".format),
    "test_perplexity": ("test ppl", "{:.4g}".format),
    "bits_per_character": ("bits/char", "{:.3f}".format),
    "test_bits_per_character": ("test bits/char", "{:.3f}".format),
    "seconds": ("seconds", seconds),
    "tokens_per_second": ("tokens/s", "{:,.0f}".format),
}
"""Measure -> heading, and how its numbers are written."""


@dataclass(frozen=True)
class Table:
    """`numeric` are the places of columns of numbers; `details`: of interest to few readers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = field(default_factory=frozenset)
    note: str = ""
    details: bool = False


def results(report: Report, only: Sequence[int] | None = None) -> Table:
    """One row per variant, for all of them or for those with these numbers."""
    variants = report.variants if only is None else [report.variants[number] for number in only]
    names, shown = short_names(report.paths), _shown(report)
    repeated = any(variant.seeds > 1 for variant in report.variants)
    columns = [
        "#",
        *names.values(),
        "parameters",
        *(["seeds"] if repeated else []),
        *(COLUMNS[name][0] for name in shown),
    ]
    text = any(variant.sample is not None for variant in report.variants)
    troubled = any(variant.troubles for variant in report.variants)
    rows = [
        [
            str(variant.number),
            *(label(variant.values[path]) if path in variant.values else DASH for path in report.paths),
            _number(variant.parameters, "{:,}".format),
            *([f"{variant.succeeded} of {variant.seeds}"] if repeated else []),
            *(_interval(getattr(variant.averages, name), COLUMNS[name][1]) for name in shown),
            *([_troubles(variant, repeated)] if troubled else []),
            *([variant.sample or DASH] if text else []),
        ]
        for variant in variants
    ]
    first = 1 + len(names)
    numeric = frozenset({0, *range(first, len(columns))})
    columns += [*(["state"] if troubled else []), *(["sample"] if text else [])]
    return Table("Results", columns, rows, numeric)


def runs(report: Report) -> Table:
    """One row per run."""
    shown = [name for name in COLUMNS if any(getattr(row.measures, name) is not None for row in report.runs)]
    columns = ["run", "variant", "seed", "state", "epoch", *(COLUMNS[name][0] for name in shown), "predicted s"]
    numbers = {run: variant.number for variant in report.variants for run in variant.runs}
    rows = [_run(row, numbers[row.run], shown) for row in report.runs]
    numeric = frozenset({1, 2, *range(4, len(columns))})
    return Table("Runs", columns, rows, numeric, details=True)


def pairs(report: Report) -> Table:
    """One row per pair of variants."""
    comparison, unit = report.comparison, _unit(report.comparison)
    measured = [f"difference ({unit})", "95 % interval", "p", "p adjusted"]
    columns = ["first", "second", "seeds", *measured, "significant"]
    labels = [f"{variant.number}: {variant.label}" for variant in report.variants]
    note = " ".join([*([comparison.note] if comparison.note else []), comparison.method])
    rows = [_pair(pair, labels) for pair in comparison.pairs]
    return Table("Differences between variants", columns, rows, frozenset(range(2, 7)), note)


def importance(influence: Influence) -> Table:
    """One row per hyper-parameter, and the rest."""
    names = short_names([effect.path for effect in influence.effects])
    rows = [[names[e.path], _share(e.loss_share), _share(e.seconds_share)] for e in influence.effects]
    rest, timed = influence.loss_rest, influence.seconds_rest
    repeated = _seeds(rest) is not None or _seeds(timed) is not None
    left = "interactions" if repeated else "interactions and chance"
    rows.append([left, _share(_interactions(rest)), _share(_interactions(timed))])
    if repeated:
        rows.append(["seeds", _share(_seeds(rest)), _share(_seeds(timed))])
    note = (
        influence.method
        + f" From {influence.runs} runs"
        + (f"; {influence.excluded} that did not succeed are left out." if influence.excluded else ".")
    )
    columns = ["hyper-parameter", "share of validation loss", "share of seconds"]
    return Table("Importance of each hyper-parameter", columns, rows, frozenset({1, 2}), note)


def main_effects(influence: Influence) -> Table:
    """One row per value of a hyper-parameter."""
    names = short_names([effect.path for effect in influence.effects])
    rows = [
        [
            names[effect.path],
            label(level.value),
            str(level.runs),
            _number(level.validation_perplexity, "{:.4g}".format),
            _number(level.seconds, seconds),
        ]
        for effect in influence.effects
        for level in effect.levels
    ]
    columns = ["hyper-parameter", "value", "runs", "validation ppl", "seconds"]
    return Table("Main effects", columns, rows, frozenset({2, 3, 4}))


def curves(report: Report, variants: Sequence[int]) -> Table:
    """Validation perplexity of these variants by epoch."""
    chosen = [report.curves[number] for number in variants]
    found = [dict(zip(curve.epochs, curve.validation_loss, strict=True)) for curve in chosen]
    epochs = sorted({epoch for each in found for epoch in each})
    rows = [
        [str(epoch), *(_number(perplexity(each.get(epoch)), "{:.4g}".format) for each in found)] for epoch in epochs
    ]
    columns = ["epoch", *(f"{number}: {report.variants[number].label}" for number in variants)]
    return Table("Validation perplexity by epoch", columns, rows, frozenset(range(len(columns))), details=True)


def branches(report: Report) -> Table:
    """One row for each run that started from another run."""
    numbers = {run: variant.number for variant in report.variants for run in variant.runs}
    columns = [
        "run",
        "started from",
        "at step",
        "changed",
        "loss at that step",
        "later loss of the other run",
        "later loss of this run",
    ]
    note = "Losses are of the validation text, in nats per token."
    rows = [_branch(branch, numbers) for branch in report.branches]
    return Table("Where runs branch", columns, rows, frozenset({2, 4, 5, 6}), note)


def facts(report: Report) -> list[str]:
    """The subject of the report and its shortest answer, as lines."""
    states = ", ".join(f"{count} {state}" for state, count in report.states.items())
    lines = [f"{counted(len(report.runs), 'run')} ({states})" + (f" of job {report.job}" if report.job else "")]
    lines += [f"corpus {name}, sha256 {sha256}" for name, sha256 in report.corpora.items()]
    lines += [f"device: {device}" for device in report.devices]
    if report.timing:
        timing = report.timing
        lines.append(
            f"predicted {seconds(timing.predicted_seconds)} s, took {seconds(timing.actual_seconds)} s"
            f" ({counted(timing.runs, 'run')} with both times)"
        )
    if report.tuned:
        lines.append(
            f"each variant has the {' and '.join(report.tuned)} with the best validation loss of all values tried"
        )
    if report.best is not None:
        best = report.variants[report.best]
        named = f"{best.number}: {best.label}, {_interval(best.averages.validation_perplexity, '{:.4g}'.format)}"
        lines.append(f"lowest validation perplexity: {named}")
    return lines


def _shown(report: Report) -> list[str]:
    """The measures that any variant has."""
    return [name for name in COLUMNS if any(getattr(each.averages, name) is not None for each in report.variants)]


def _run(row: RunRow, variant: int, shown: Sequence[str]) -> list[str]:
    measures: Measures = row.measures
    return [
        row.run,
        str(variant),
        str(row.seed),
        row.state,
        str(row.epoch),
        *(_number(getattr(measures, name), COLUMNS[name][1]) for name in shown),
        _number(row.predicted_seconds, seconds),
    ]


def _pair(pair: Pair, labels: Sequence[str]) -> list[str]:
    return [
        labels[pair.first],
        labels[pair.second],
        str(pair.seeds),
        f"{pair.difference:+.4f}",
        f"{pair.low:+.4f} to {pair.high:+.4f}",
        f"{pair.p:.3g}",
        f"{pair.p_adjusted:.3g}",
        "yes" if pair.significant else "no",
    ]


def _branch(branch: Branch, numbers: Mapping[str, int]) -> list[str]:
    changes = branch.changes
    if changes is None:
        told = "not known: the other run is not in this report"
    else:
        told = "; ".join(
            f"{each.path}: {each.before or 'none'} \N{RIGHTWARDS ARROW} {each.after or 'none'}" for each in changes
        )
    return [
        f"{branch.run} ({numbers[branch.run]})",
        f"{branch.parent} ({numbers[branch.parent]})" if branch.parent in numbers else branch.parent,
        _number(branch.step, "{:,}".format),
        (told or "nothing") + ("" if branch.continues else "; weights alone"),
        *(_number(loss, "{:.4f}".format) for loss in (branch.loss_there, branch.parent_loss, branch.loss)),
    ]


def _troubles(variant: Variant, repeated: bool) -> str:
    """The states of its runs; for a single run, without the seed."""
    words = variant.troubles if repeated else [trouble.partition(": ")[2] for trouble in variant.troubles]
    return "; ".join(words) or "succeeded"


def _unit(comparison: Comparison) -> str:
    return "bits per character" if comparison.measure.endswith("character") else "nats"


def _interactions(rest: Rest | None) -> float | None:
    return rest.interactions if rest else None


def _seeds(rest: Rest | None) -> float | None:
    return rest.seeds if rest else None


def _share(share: float | None) -> str:
    return DASH if share is None else f"{share:.1%}"


def _number(value: float | None, write: Callable[[float], str]) -> str:
    return DASH if value is None else write(value)


def _interval(interval: Interval | None, write: Callable[[float], str]) -> str:
    if interval is None:
        return DASH
    mean = write(interval.mean)
    return mean if interval.high is None else f"{mean} ± {write(interval.high - interval.mean)}"
