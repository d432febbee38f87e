"""Statistics against textbook numbers, and against scipy's own functions on random input."""

import math

import numpy as np
import pytest
from scipy import stats

from gatelab.reports.statistics import mean_interval, paired_tests
from tests.rounding import assert_rounded

SLEEP = ([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
"""Hours of sleep gained with two drugs by ten patients: the example of Student's own paper (1908)."""


def test_students_sleep_data() -> None:
    """t = -4.0621 on 9 degrees of freedom, p = 0.002833, as in R's `t.test(extra ~ group, sleep, paired = TRUE)`."""
    differences = np.subtract(*SLEEP)
    width, p, adjusted = paired_tests(differences[None], 1)
    assert differences.mean() == pytest.approx(-1.58)
    assert p[0] == adjusted[0] == pytest.approx(0.002833, abs=5e-7)
    assert (-1.58 - width[0], -1.58 + width[0]) == pytest.approx((-2.4598858, -0.7001142), abs=1e-6)


def test_an_interval_by_hand() -> None:
    """The mean of 1, 2, 3 is 2, their standard error 1/sqrt(3), and t(0.975, 2) = 4.302653."""
    interval = mean_interval([1, 2, 3])
    assert interval is not None
    assert (interval.mean, interval.n) == (2, 3)
    assert interval.low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-6)
    assert interval.high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-6)


@pytest.mark.parametrize("samples", [2, 3, 5, 20])
def test_they_are_scipys(samples: int, random: np.random.Generator) -> None:
    first, second = random.normal(size=(2, 50, samples)) * 10 ** random.uniform(-6, 6)
    differences, terms = first - second, 3 * samples  # for a mean, a deviation around it, and their quotient
    comparisons = int(random.integers(1, 500))
    width, p, adjusted = paired_tests(differences, comparisons)
    expected = stats.ttest_rel(first, second, axis=1)
    # Samples that are close to each other cancel in their deviation.
    condition = np.abs(differences).max(axis=1) / differences.std(axis=1)
    # The distribution is computed from 1 - t * t, in which a small t is rounded away.
    assert_rounded(p, expected.pvalue, terms=terms, scale=condition * np.maximum(1, 1 / np.abs(expected.statistic)))
    assert adjusted.tolist() == np.minimum(1, comparisons * p).tolist()
    interval = expected.confidence_interval(1 - 0.05 / comparisons)
    half = (interval.high - interval.low) / 2
    # scipy takes 1 - level, which rounds a small level.
    assert_rounded(width, half, terms=terms, scale=condition * half * 20 * comparisons)
    found = mean_interval(first[0].tolist())
    assert found is not None
    low, high = stats.t.interval(0.95, samples - 1, loc=first[0].mean(), scale=stats.sem(first[0]))
    scale = float(np.abs(first[0]).max() / first[0].std() * (high - low))
    assert_rounded((found.low, found.high), (low, high), terms=terms, scale=scale)


def test_equal_samples_do_not_differ_and_constant_differences_are_certain() -> None:
    width, p, adjusted = paired_tests(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [-2.0, -2.0, -2.0]]), 3)
    assert p.tolist() == adjusted.tolist() == [1, 0, 0]
    assert width.tolist() == [0, 0, 0]


def test_a_single_value_has_no_interval_and_none_has_no_mean() -> None:
    single = mean_interval([3.5])
    assert single is not None
    assert (single.mean, single.low, single.high, single.n) == (3.5, None, None, 1)
    assert mean_interval([]) is None


def test_what_overflows_has_no_interval() -> None:
    huge = mean_interval([1e200, 3e200])
    assert huge is not None
    assert (huge.mean, huge.low, huge.high) == (2e200, None, None)
    assert mean_interval([1e308, 1.7e308]) is None


def test_an_interval_excludes_0_where_the_adjusted_p_is_below_5_percent(random: np.random.Generator) -> None:
    """The differences are near the threshold for 40 comparisons, so that both verdicts occur often."""
    differences = random.normal(0.35, 0.2, size=(500, 6))
    width, _, adjusted = paired_tests(differences, 40)
    excluded = np.abs(differences.mean(axis=1)) > width
    assert (excluded == (adjusted < 0.05)).all()
    assert 50 < excluded.sum() < 450


def test_all_intervals_hold_together_as_often_as_promised(random: np.random.Generator) -> None:
    """3,000 reports of ten pairs of five seeds without any difference: at most one in twenty may report one."""
    reports, pairs = 3000, 10
    differences = random.normal(size=(reports * pairs, 5))
    width, _, _ = paired_tests(differences, pairs)
    wrong = (np.abs(differences.mean(axis=1)) > width).reshape(reports, pairs).any(axis=1).sum()
    # The pairs are independent here: 1 - (1 - 0.05 / 10) ** 10 = 4.89 % are expected, give or take six deviations.
    assert abs(wrong - 0.0489 * reports) < 6 * math.sqrt(0.0489 * reports)
