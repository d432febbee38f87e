"""The answer of docs/exercises/gru-grid.md is what its raw results give: each sentence is made from the data."""

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.published import grid, pages
from benchmarks.published.experiments import RESULTS
from benchmarks.published.grid import Size, perplexities
from gatelab.reports import tables
from gatelab.reports.report import Report
from tests.benchmarks.test_claims import assert_said, between, final

PAGE = "exercises/gru-grid"
SIZES = (8, 16, 32, 64, 128)
"""The values of num_steps, and those of hidden units."""

TRAINED, HELD_OUT = 10_000, 5_000
"""Windows of training, and those of validation behind them; each begins one character after the one before."""


def report() -> Report:
    return pages.report("gru-grid", ())


def ends(rate: float, measure: str = "validation_perplexity") -> dict[Size, float]:
    """The perplexity of every size at this rate."""
    found = perplexities(report(), rate, measure)
    assert list(found) == [Size(length, width) for length in SIZES for width in SIZES]
    return found


def ratio(first: Size, second: Size, rate: float = 1) -> float:
    """How many times as high the perplexity of the first is."""
    found = ends(rate)
    return found[first] / found[second]


@pytest.fixture(scope="module")
def seeds() -> float:
    """The ratio between the worst and the best of the seeds of a similar model."""
    found = final(pages.report("gru-scratch", ()), 0, "validation_perplexity")
    assert len(found) == 20
    return max(found) / min(found)


@pytest.fixture(scope="module")
def letters(time_machine: str) -> float:
    """The perplexity of the validation text for a model that knows how frequent each character is in training."""
    text = re.sub("[^A-Za-z]+", " ", time_machine).strip().lower()
    counts = Counter(text[:TRAINED])
    held_out = text[TRAINED : TRAINED + HELD_OUT]
    return float(np.exp(-np.mean([np.log(counts[letter] / TRAINED) for letter in held_out])))


def test_what_the_rates_up_to_1_reach(letters: float, seeds: float) -> None:
    lowest, low, one = (np.array(list(ends(rate).values())) for rate in (0.01, 0.1, 1))
    assert min(lowest) > letters > max(low)
    assert min((lowest / low).min(), (low / one).min()) > seeds
    assert_said(
        PAGE,
        f"whose validation perplexities differ by up to {100 * (seeds - 1):.1f} %",
        f"would have a perplexity of {letters:.1f}",
        f"none of the 25 sizes gets there in 100 epochs (1,000 steps): they end at {between(lowest, 1)}",
        f"At 0.1 they end at {between(low, 1)}",
        f"At 1 all of them learn: {between(one, 1)}",
    )


def test_what_the_rates_below_1_write() -> None:
    written = {
        rate: [each.sample for each in report().variants if each.values[grid.RATE] == rate] for rate in (0.01, 0.1)
    }
    assert written[0.01] == ["it has" + " " * 20] * 25
    assert all(len(set((sample or "").removeprefix("it has").split()[:-1])) <= 4 for sample in written[0.1])
    assert all(len(word) <= 3 for sample in written[0.1] for word in (sample or "").split())


def test_what_a_rate_of_10_does(letters: float, seeds: float) -> None:
    one, ten, train = ends(1), ends(10), ends(10, "train_perplexity")
    worse = sum(ten[size] > seeds * one[size] for size in ten)
    assert not any(seeds * ten[size] < one[size] for size in ten)
    memorizes = min(train, key=lambda size: train[size])
    assert_said(
        PAGE,
        f"{worse} of the 25 end worse than at 1, {sum(found > letters for found in ten.values())} of them even above"
        " the frequencies of letters",
        f"With {memorizes.hidden} units and {memorizes.num_steps} steps, it memorizes the 10,000 characters (train"
        f" perplexity {train[memorizes]:.1f}, validation perplexity {ten[memorizes]:.1f})",
    )


def test_where_the_interactions_are() -> None:
    runs = [(each.values, each.averages.validation_perplexity) for each in report().variants]
    losses = np.log([found.mean for _, found in runs if found is not None])
    columns = [
        [float(values[path] == value) for values, _ in runs]
        for path in (grid.STEPS, grid.HIDDEN, grid.RATE)
        for value in {values[path] for values, _ in runs}
    ]
    design = np.array(columns).T
    left = (losses - design @ np.linalg.lstsq(design, losses)[0]) ** 2
    at_10 = np.array([values[grid.RATE] == 10 for values, _ in runs])
    assert_said(PAGE, f"{left[at_10].sum() / left.sum():.0%} of this rest".replace("%", " %"))


def test_what_more_units_do(seeds: float) -> None:
    one = ends(1)
    for length in SIZES:
        assert ratio(Size(length, 8), Size(length, 32)) > seeds
    assert [length for length in SIZES if ratio(Size(length, 32), Size(length, 64)) > seeds] == [128]
    wide = [ratio(Size(length, 128), Size(length, 64)) for length in SIZES]
    assert 1 / seeds < min(wide) <= max(wide) < seeds
    assert_said(
        PAGE,
        f"from {one[Size(128, 8)]:.1f} at 8 units to {one[Size(128, 64)]:.1f} at 64",
        f"the perplexities differ by {between((100 * abs(each - 1) for each in wide), 1)} %",
    )


def test_what_more_steps_do(seeds: float) -> None:
    one = ends(1)
    assert [width for width in SIZES if ratio(Size(8, width), Size(128, width)) > seeds] == [64, 128]
    assert_said(PAGE, f"from {one[Size(8, 64)]:.1f} to {one[Size(128, 64)]:.1f} at 64 units")


def test_how_time_grows() -> None:
    taken, one = grid.run_seconds(grid.read(RESULTS / "gru-grid-seconds.csv")), ends(1)
    longer = [taken[Size(b, width)] / taken[Size(a, width)] for a, b in pairwise(SIZES) for width in SIZES]
    narrow, wide = (
        [taken[Size(length, 2 * width)] / taken[Size(length, width)] for length in SIZES] for width in (8, 64)
    )
    best, middle = min(one, key=lambda size: one[size]), Size(32, 32)
    assert_said(
        PAGE,
        f"A run with the best perplexity, {one[best]:.2f} at {best.num_steps} steps and {best.hidden} units, takes"
        f" {tables.seconds(taken[best])} s; one with {one[middle]:.2f}, at 32 and 32, takes"
        f" {tables.seconds(taken[middle])} s",
        f"takes {between(longer, 1)} times as long",
        f"{between(narrow, 1)} times as long from 8 to 16",
        f"{between(wide, 1)} times from 64 to 128",
    )
