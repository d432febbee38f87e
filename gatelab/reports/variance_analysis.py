"""How much each hyper-parameter matters: main effects, and its share of the variance.

The share is eta squared of an analysis of variance with main effects (Fisher 1925; Yates 1934 for type II sums of
squares). A linear model has all hyper-parameters as categories; the share is the growth of its squared error without
this one, relative to the total. For a full grid it is exactly the part of the variance between the means of the
hyper-parameter's values; if runs are missing, it is the part that this hyper-parameter alone explains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatelab.reports.labels import identity
from gatelab.reports.report import Effect, Influence, Level, Rest
from gatelab.reports.variants import Group
from gatelab.wire.evaluations import perplexity

Array = NDArray[np.float64]

METHOD = (
    "Main effects are means over all successful runs with a value, whatever their other values: means of validation"
    " loss (shown as perplexity, so a geometric mean) and of seconds. A share is eta squared: the part of the variance"
    " between all these runs that the hyper-parameter explains by itself (analysis of variance with main effects,"
    " type II sums of squares). Interactions are the part that hyper-parameters explain only together; without repeats,"
    " it includes chance. Hyper-parameters that vary only together have no share of their own."
)


@dataclass(frozen=True)
class _Sample:
    values: Mapping[str, Any]
    variant: int
    loss: float
    seconds: float | None
    shares_time: bool


def influence(groups: Sequence[Group], paths: Sequence[str]) -> Influence | None:
    """The influence of `paths` on validation loss and seconds; None if nothing varies, or with fewer than two runs."""
    samples = [
        _Sample(group.values, number, run.last.validation_loss, run.seconds, run.trained_together > 1)
        for number, group in enumerate(groups)
        for run in group.succeeded
        if run.last is not None and run.last.validation_loss is not None
    ]
    if not paths or len(samples) < 2:
        return None
    timed = [sample for sample in samples if sample.seconds is not None]
    loss, loss_rest = _shares(samples, paths, [sample.loss for sample in samples])
    seconds, seconds_rest = _shares(timed, paths, [sample.seconds or 0.0 for sample in timed])
    if seconds_rest and any(sample.shares_time for sample in timed):
        # Repeats in lock-step have equal seconds, so chance does not show in them.
        seconds_rest = Rest(interactions=seconds_rest.interactions + (seconds_rest.seeds or 0.0), seeds=None)
    return Influence(
        effects=[
            Effect(path=path, levels=_levels(samples, path), loss_share=loss[path], seconds_share=seconds[path])
            for path in paths
        ],
        loss_rest=loss_rest,
        seconds_rest=seconds_rest,
        runs=len(samples),
        excluded=sum(len(group.distinct) for group in groups) - len(samples),
        method=METHOD,
    )


def _levels(samples: Sequence[_Sample], path: str) -> list[Level]:
    by_value: dict[str, list[_Sample]] = {}
    for sample in samples:
        by_value.setdefault(identity(sample.values[path]), []).append(sample)
    return [_level(each, path) for each in by_value.values()]


def _level(samples: Sequence[_Sample], path: str) -> Level:
    loss = sum(sample.loss for sample in samples) / len(samples)
    seconds = [sample.seconds for sample in samples if sample.seconds is not None]
    return Level(
        value=samples[0].values[path],
        runs=len(samples),
        validation_loss=loss,
        validation_perplexity=perplexity(loss),
        seconds=sum(seconds) / len(seconds) if seconds else None,
    )


def _shares(
    samples: Sequence[_Sample], paths: Sequence[str], measured: Sequence[float]
) -> tuple[dict[str, float | None], Rest | None]:
    """Path -> its share of the variance, and the rest; empty if there is no variance."""
    values = np.array(measured)
    total = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
    if total == 0:
        return dict.fromkeys(paths), None
    factors = {path: _categories([identity(sample.values[path]) for sample in samples]) for path in paths}
    left = _squared_error(list(factors.values()), values)
    without = {path: _squared_error([factors[name] for name in paths if name != path], values) for path in paths}
    shares: dict[str, float | None] = {path: max(0.0, error - left) / total for path, error in without.items()}
    variants = _categories([str(sample.variant) for sample in samples])
    repeated = variants.shape[1] < len(samples)
    seeds = _squared_error([variants], values) if repeated else 0.0
    return shares, Rest(interactions=max(0.0, left - seeds) / total, seeds=seeds / total if repeated else None)


def _categories(labels: Sequence[str]) -> Array:
    """(samples, categories): 1 where a sample is of a category, else 0."""
    _, places = np.unique(labels, return_inverse=True)
    return np.eye(int(places.max()) + 1)[places]


def _squared_error(factors: Sequence[Array], values: Array) -> float:
    """Residual sum of squares of the least-squares fit of `values` by a constant and these categories."""
    design = np.hstack([np.ones((len(values), 1)), *factors])
    fitted, *_ = np.linalg.lstsq(design, values, rcond=None)
    return float(((values - design @ fitted) ** 2).sum())
