"""Means, confidence intervals and paired tests, by Student's t distribution from scipy.

"Student" (1908), "The probable error of a mean", Biometrika 6; Dunn (1961), "Multiple comparisons among means", Journal
of the American Statistical Association 56 (simultaneous intervals by Bonferroni's inequality).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gatelab.reports.report import Interval

LEVEL = 0.05
"""The probability of an error: an interval that misses the truth, or a difference found where there is none."""

Array = NDArray[np.float64]


def mean_interval(values: Sequence[float]) -> Interval | None:
    """The mean and its 95 % confidence interval.

    None without a value, or if their sum is not finite; no bounds with a single one, or where there are none.
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


class PairedTests(NamedTuple):
    """Paired t-tests of many pairs, each array (pairs,).

    Attributes:
        half_width: of the 95 % confidence interval of the mean difference, which holds for all pairs at once.
        p: of Student's paired t-test, two-sided, of this pair alone.
        p_adjusted: p times the number of comparisons, at most 1: below 0.05 where the interval excludes 0.
    """

    half_width: Array
    p: Array
    p_adjusted: Array


def paired_tests(differences: Array, comparisons: int) -> PairedTests:
    """Student's paired t-test of many pairs at once, corrected for the number of comparisons (Dunn 1961).

    Intervals and p values are corrected in the same way, so that one never contradicts the other. Holm's step-down
    method would find a little more, but no intervals as simple as these agree with it.

    Args:
        differences: (pairs, samples) of one measure between two variants, seed by seed, at least two samples.
        comparisons: how many pairs are compared in all, these included.

    If all differences are 0, p is 1; if they are all equal but not 0, p is 0.
    """
    # Imported here so that the service starts without it.
    from scipy.special import stdtr

    samples = differences.shape[1]
    mean, error = differences.mean(axis=1), differences.std(axis=1, ddof=1) / np.sqrt(samples)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where((differences == 0).all(axis=1), 1.0, 2 * stdtr(samples - 1, -np.abs(mean / error)))
    half_width = _half_width(differences, LEVEL / comparisons)
    return PairedTests(half_width, p, np.minimum(1, p * comparisons))


def _half_width(values: Array, level: float = LEVEL) -> Array:
    from scipy.special import stdtrit

    samples = values.shape[1]
    width: Array = -stdtrit(samples - 1, level / 2) * values.std(axis=1, ddof=1) / np.sqrt(samples)
    return width
