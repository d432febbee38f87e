"""The comparisons that an experiment was made for, where they are fewer than all pairs of its variants."""

from gatelab.reports.comparison import method_of
from gatelab.reports.report import Pair, Report
from gatelab.reports.statistics import LEVEL


def differing_in(report: Report, path: str) -> Report:
    """The report with those pairs alone whose variants differ in nothing but this path, corrected for their number.

    Raises:
        ValueError: no pair was tested that differs in nothing but this path.
    """
    tested = report.comparison
    kept = [pair for pair in tested.pairs if _differ_in(report, pair) == {path}]
    if not kept:
        raise ValueError(f"no two variants that were compared differ in {path!r} alone")
    pairs = [_corrected(pair, len(tested.pairs), len(kept)) for pair in kept]
    method = method_of(tested.measure, len(kept))
    return report.model_copy(update={"comparison": tested.model_copy(update={"pairs": pairs, "method": method})})


def _differ_in(report: Report, pair: Pair) -> set[str]:
    first, second = (report.variants[number].values for number in (pair.first, pair.second))
    return {path for path in report.paths if first.get(path) != second.get(path)}


def _corrected(pair: Pair, tested: int, comparisons: int) -> Pair:
    """The pair of a report that corrects for `tested` comparisons, corrected for this number of them."""
    from scipy.stats import t

    wide, narrow = (t.ppf(1 - LEVEL / number / 2, pair.seeds - 1) for number in (tested, comparisons))
    half = (pair.high - pair.low) / 2 * narrow / wide
    return pair.model_copy(
        update={
            "low": pair.difference - half,
            "high": pair.difference + half,
            "p_adjusted": min(1.0, pair.p * comparisons),
            "significant": abs(pair.difference) > half,
        }
    )
