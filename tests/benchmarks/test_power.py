"""The differences that an experiment could have detected."""

import numpy as np
import pytest

from benchmarks.published.power import WANTED, detectable, power
from gatelab.reports.statistics import paired_tests


def test_power_is_that_of_the_tables() -> None:
    """Two-sided paired t-tests at 0.05: 34 pairs with a difference of 0.5 deviations, and 15 pairs with one of 0.8."""
    assert power(0.5, 34, 1) == pytest.approx(0.8078, abs=0.0001)
    assert power(0.8, 15, 1) == pytest.approx(0.8213, abs=0.0001)


@pytest.mark.parametrize(("seeds", "comparisons"), [(5, 1), (5, 6), (20, 15)])
def test_a_detectable_difference_is_found_as_often_as_is_said(
    seeds: int, comparisons: int, random: np.random.Generator
) -> None:
    deviation, trials = 0.02, 4000
    difference = detectable(deviation, seeds, comparisons)
    found = paired_tests(random.normal(difference, deviation, (trials, seeds)), comparisons).p_adjusted < 0.05
    # Five standard errors of a share over this number of trials.
    assert found.mean() == pytest.approx(WANTED, abs=5 * (WANTED * (1 - WANTED) / trials) ** 0.5)
