"""Which variants differ: paired by seed, and only if the same thing was measured."""

import math

import numpy as np
import pytest
from scipy import stats

from gatelab.reports.build import comparison_report
from gatelab.reports.comparison import MOST_VARIANTS
from gatelab.wire.runs import RunError
from tests.reports.records import evaluation, job_of, record, records, report_of

LR = "training.optimizer.lr"
ADAM = {"optimizer": {"kind": "adam", "lr": 0.1}}


def test_a_variant_compared_with_itself_is_not_significant() -> None:
    losses = [2.0, 2.1, 1.9, 2.05, 1.97]
    found = report_of(job_of(training=ADAM, grid={LR: [0.1, 0.2]}, repeats=5), losses + losses).comparison
    [pair] = found.pairs
    assert "corrected for 1 comparison by Bonferroni's method" in found.method
    assert (pair.difference, pair.low, pair.high) == (0, 0, 0)
    assert (pair.p, pair.p_adjusted, pair.significant) == (1, 1, False)


def test_pairs_are_paired_by_seed(random: np.random.Generator) -> None:
    """Seeds differ much and variants little, so only a paired test finds the difference."""
    # To hide the difference, the sample's deviation would have to be six times that of its distribution.
    seeds, small = random.permutation(np.linspace(-1.5, 1.5, 8)), random.normal(0.05, 0.01, 8)
    first, second = 2 + seeds, 2 + seeds + small
    [pair] = report_of(job_of(training=ADAM, grid={LR: [0.1, 0.2]}, repeats=8), [*first, *second]).comparison.pairs
    assert pair.p == pytest.approx(stats.ttest_rel(first, second).pvalue, rel=1e-6)
    assert (pair.first, pair.second, pair.seeds, pair.significant) == (0, 1, 8, True)
    assert stats.ttest_ind(first, second).pvalue > 0.5
    assert pair.difference == pytest.approx(-small.mean())
    assert pair.low < pair.difference < pair.high < 0


def test_p_values_are_adjusted_for_the_number_of_pairs(random: np.random.Generator) -> None:
    job = job_of(training=ADAM, grid={LR: [0.1, 0.2, 0.3, 0.4]}, repeats=5)
    pairs = report_of(job, (2 + random.normal(0, 0.1, 20)).tolist()).comparison.pairs
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    smallest = min(pairs, key=lambda pair: pair.p)
    assert smallest.p_adjusted == pytest.approx(min(1, 6 * smallest.p))
    assert all(pair.significant == (pair.p_adjusted < 0.05) for pair in pairs)


def test_only_seeds_that_both_have_count() -> None:
    job = job_of(training=ADAM, grid={LR: [0.1, 0.2]}, repeats=4)
    runs = records(job, [2.0, 2.1, 2.2, 2.3, 1.0, 1.2, 1.1, 9.0])
    runs[7] = record(runs[7].spec, 7, None, state="failed", error=RunError(type="diverged", message="x"))
    [pair] = comparison_report(runs).comparison.pairs
    assert pair.seeds == 3
    assert pair.difference == pytest.approx(1.0)


def test_single_runs_are_not_compared() -> None:
    found = report_of(job_of(training=ADAM, grid={LR: [0.1, 0.2]}), [2.0, 3.0]).comparison
    assert found.pairs == []
    assert found.note is not None
    assert "repeats" in found.note


def test_the_test_part_decides_where_there_is_one() -> None:
    job = job_of(training=ADAM, grid={LR: [0.1, 0.2]}, repeats=2)
    found = report_of(job, [2.0] * 4, evaluations=[evaluation(2, 2.0, 3.0)]).comparison
    assert found.measure == "test loss"
    assert "test loss" in found.method
    assert report_of(job, [2.0] * 4).comparison.measure == "validation loss"


def test_other_tokens_are_compared_by_bits_per_character() -> None:
    tokenizers = [{"kind": "char"}, {"kind": "byte"}]
    losses = [2.0, 2.1, 2.2, 1.9, 2.1, 2.1]
    found = report_of(job_of(grid={"tokenizer": tokenizers}, repeats=3), losses).comparison
    assert found.measure == "validation bits per character"
    [pair] = found.pairs
    assert pair.difference == pytest.approx((np.mean(losses[:3]) - np.mean(losses[3:])) / math.log(2))


def test_what_was_scored_on_other_text_is_not_compared() -> None:
    """Three ways to read the text, of which the first two score the same characters."""
    windows = [{"train": 5, "validation": 5, "stride": 1}, {"train": 6, "validation": 5, "stride": 1}]
    job = job_of(grid={"training.windows": windows, "model.layers": [1, 2]}, repeats=2)
    pairs = report_of(job, [2.0, 2.1, 2.0, 2.2, 1.0, 1.2, 1.1, 1.3]).comparison.pairs
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 1), (2, 3)]


def test_of_very_many_variants_each_is_compared_with_the_best(random: np.random.Generator) -> None:
    count = MOST_VARIANTS + 5
    losses = (2 + random.normal(0, 0.1, 2 * count)).tolist()
    losses[14:16] = [0.5, 0.6]
    found = report_of(job_of(grid={"training.batch_size": list(range(1, count + 1))}, repeats=2), losses).comparison
    assert {pair.first for pair in found.pairs} == {7}
    assert len(found.pairs) == count - 1
    assert found.note is not None
