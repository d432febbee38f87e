"""How large a difference an experiment could have found: the power of the paired t-tests of a report.

Cohen (1988), "Statistical power analysis for the behavioral sciences", by the noncentral t distribution.
"""

import math

from gatelab.reports.report import Pair, Report
from gatelab.reports.statistics import LEVEL
from gatelab.reports.tables import Table

WANTED = 0.8
"""The probability with which a difference is to be found, as is usual."""


def power(effect: float, seeds: int, comparisons: int) -> float:
    """The probability of finding a difference of `effect` standard deviations of the differences, two-sided."""
    from scipy.stats import nct, t

    critical, shift = t.ppf(1 - LEVEL / comparisons / 2, seeds - 1), effect * math.sqrt(seeds)
    # What lies beyond the critical value on the other side is less than can be computed.
    return float(nct.sf(critical, seeds - 1, shift))


def detectable(deviation: float, seeds: int, comparisons: int) -> float:
    """The difference that is found with `WANTED` probability where differences have this standard deviation."""
    low, high = 0.0, 1.0
    while power(high, seeds, comparisons) < WANTED:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if power(middle, seeds, comparisons) < WANTED else (low, middle)
    return high * deviation


def table(report: Report) -> Table:
    """One row a pair: what its interval reaches, and what its test could have found."""
    labels = [f"{variant.number}: {variant.label}" for variant in report.variants]
    pairs = report.comparison.pairs
    rows = [[labels[p.first], labels[p.second], str(p.seeds), *_numbers(p, len(pairs))] for p in pairs]
    columns = ["first", "second", "seeds", "half width of the interval", f"found with {WANTED:.0%} probability"]
    return Table("What could have been found", columns, rows, frozenset({2, 3, 4}))


def _numbers(pair: Pair, comparisons: int) -> list[str]:
    from scipy.stats import t

    half = (pair.high - pair.low) / 2
    deviation = half * math.sqrt(pair.seeds) / t.ppf(1 - LEVEL / comparisons / 2, pair.seeds - 1)
    return [f"{half:.4f}", f"{detectable(deviation, pair.seeds, comparisons):.4f}"]
