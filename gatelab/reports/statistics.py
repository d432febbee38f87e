"""Means, confidence intervals and paired tests, by Student's t distribution from scipy.

"Student" (1908), "The probable error of a mean", Biometrika 6; Holm (1979), "A simple sequentially rejective multiple
test procedure", Scandinavian Journal of Statistics 6.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gatelab.reports.model import Interval

CONFIDENCE = 0.95

Array = NDArray[np.float64]


def mean_interval(values: Sequence[float]) -> Interval | None:
    """The mean and its 95 % confidence interval.

    None without a value, or where their sum is no finite number; no bounds with a single one, or where there are none.
    """
    if not values:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(np.mean(values))
        half = float(_half_width(np.asarray(values)[None])[0]) if len(values) > 1 else math.inf
    if not math.isfinite(mean):
        return None
    bounds = {"low": mean - half, "high": mean + half} if math.isfinite(half) else {"low": None, "high": None}
    return Interval(mean=mean, n=len(values), **bounds)


def paired_tests(differences: Array) -> tuple[Array, Array]:
    """Student's paired t-test, two-sided, of many pairs at once.

    Args:
        differences: (pairs, samples) of one measure between two variants, seed by seed, at least two samples.

    Returns:
        The half width of each mean's 95 % confidence interval, and the p value; both (pairs,). Differences that are
        all 0 have p = 1, others that are all equal have p = 0.
    """
    # Here and not above: the service starts without it.
    from scipy.special import stdtr

    samples = differences.shape[1]
    mean, error = differences.mean(axis=1), differences.std(axis=1, ddof=1) / np.sqrt(samples)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stdtr(samples - 1, -np.abs(mean / error))
    return _half_width(differences), np.where((differences == 0).all(axis=1), 1.0, p)


def holm(p: Array) -> Array:
    """p values adjusted for that there are many of them (Holm's step-down method): compare with the level itself."""
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    adjusted = np.empty_like(p)
    adjusted[order] = steps
    return adjusted


def _half_width(values: Array) -> Array:
    from scipy.special import stdtrit

    samples = values.shape[1]
    width: Array = stdtrit(samples - 1, (1 + CONFIDENCE) / 2) * values.std(axis=1, ddof=1) / np.sqrt(samples)
    return width
