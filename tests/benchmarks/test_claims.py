"""The answers of the pages agree with their raw results: the tests make each sentence from the data and look for it."""

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import fisher_exact, t

from benchmarks.published import memory, pages, planned, power, saturation
from benchmarks.published.experiments import RESULTS, ROOT
from gatelab.reports.report import Interval, Pair, Report

RATE = ("training.optimizer.lr",)
BOTH, SINGLE, NONE = (0, 1), (2, 3, 4), 5
"""The variants of the gate ablation."""


def assert_said(page: str, *sentences: str) -> None:
    """The page says this, wherever its lines break."""
    text = " ".join((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8").split())
    for sentence in sentences:
        assert sentence in text


def pairs(report: Report, firsts: Iterable[int], seconds: Iterable[int]) -> list[Pair]:
    wanted = {(first, second) for first in firsts for second in seconds}
    return [pair for pair in report.comparison.pairs if (pair.first, pair.second) in wanted]


def between(values: Iterable[float], digits: int = 3) -> str:
    found = list(values)
    return f"{min(found):.{digits}f} to {max(found):.{digits}f}"


def about(values: Iterable[float], digits: int) -> str:
    """Their range, or the one number that all of them round to."""
    low, high = between(values, digits).split(" to ")
    return low if low == high else f"{low} to {high}"


def mean_perplexities(report: Report, variants: Iterable[int], measure: str = "test_perplexity") -> list[float]:
    return [interval(getattr(report.variants[variant].averages, measure)).mean for variant in variants]


def final(report: Report, variant: int, measure: str = "test_perplexity") -> list[float]:
    """The final measurement of each run of a variant."""
    runs = report.variants[variant].runs
    found = [getattr(row.measures, measure) for row in report.runs if row.run in runs]
    return [value for value in found if value is not None]


class Bounds(NamedTuple):
    mean: float
    low: float
    high: float


def interval(found: Interval | None) -> Bounds:
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    return Bounds(found.mean, found.low, found.high)


@pytest.mark.parametrize(("name", "tuned", "seeds"), [("gate-ablation", (), 20), ("gate-ablation-rates", RATE, 20)])
def test_both_gates_are_better_than_one(name: str, tuned: tuple[str, ...], seeds: int) -> None:
    report = pages.report(name, tuned)
    found = pairs(report, BOTH, SINGLE)
    assert len(found) == 6
    assert all(pair.significant and pair.high < 0 and pair.seeds == seeds for pair in found)


def test_what_the_better_of_two_rates_tells_apart() -> None:
    report = pages.report("gate-ablation-rates", RATE)
    rates = [variant.values["training.optimizer.lr"] for variant in report.variants]
    assert rates == [4, 4, 4, 4, 4, 2]
    both, single = pairs(report, BOTH, [NONE]), pairs(report, SINGLE, [NONE])
    assert all(pair.significant and pair.high < 0 for pair in [*both, *single])
    assert_said(
        "exercises/gate-ablation",
        f"by {between(-pair.difference for pair in both)} nats",
        f"by {between(-pair.difference for pair in single)} nats (adjusted p at most"
        f" {max(pair.p_adjusted for pair in single):.1g})",
        f"the test perplexity without gates is {mean_perplexities(report, [NONE])[0]:.1f}",
    )


def test_what_the_gate_ablation_tells_apart_and_what_not() -> None:
    report = pages.report("gate-ablation", ())
    found, single, (reset,) = (pairs(report, *of) for of in ((BOTH, SINGLE), (SINGLE, SINGLE), ([0], [1])))
    assert not any(pair.significant for pair in [*single, reset])
    assert len(single) == 3
    reach = max(max(abs(pair.low), abs(pair.high)) for pair in single)
    assert_said(
        "exercises/gate-ablation",
        f"by {between(-pair.difference for pair in found)} nats",
        f"adjusted p at most {max(pair.p_adjusted for pair in found):.1g}",
        f"differences of up to {reach:.3f} nats remain possible",
        f"is {reset.difference:+.4f} nats, interval {reset.low:+.4f} to {reset.high:+.4f}",
        f"not worse by more than {-reset.low:.3f} nats",
        f"a test perplexity of {about(mean_perplexities(report, BOTH), 1)} instead of"
        f" {about(mean_perplexities(report, SINGLE), 1)}",
        f"(train perplexity {about(mean_perplexities(report, SINGLE, 'train_perplexity'), 1)} against"
        f" {about(mean_perplexities(report, BOTH, 'train_perplexity'), 1)})",
    )


def test_the_book_s_rate_ruins_some_seeds_of_the_model_without_gates() -> None:
    report = pages.report("gate-ablation", ())
    ends = np.array(final(report, NONE))
    ruined = ends > 19
    none = pairs(report, [*BOTH, *SINGLE], [NONE])
    assert all(max(final(report, variant)) < 9 for variant in (*BOTH, *SINGLE))
    assert_said(
        "exercises/gate-ablation",
        f"{ruined.sum()} of 20 seeds end at test perplexities of {between(ends[ruined], 0)}",
        f"the other {(~ruined).sum()} at {between(ends[~ruined], 1)}",
        f"from {min(-pair.high for pair in none):.1f} to {max(-pair.low for pair in none):.1f} nats",
    )


def test_how_much_pairing_helps() -> None:
    report = pages.report("gate-ablation", ())
    losses = np.log([final(report, variant.number) for variant in report.variants])
    found = np.corrcoef(losses)[np.triu_indices(len(losses), 1)]
    critical = t.ppf(0.975, 18) / np.sqrt(18 + t.ppf(0.975, 18) ** 2)
    assert np.abs(found).max() < critical
    assert_said(
        "guides/fair-comparison",
        f"correlated by {found.min():.2f} to {found.max():+.2f}, and by {found.mean():.2f} on average",
        f"from 0 only beyond {critical:.2f} in either direction",
    )


RNN, GRU, LSTM = range(3)
"""Each variant at its own best rate."""


@pytest.mark.parametrize("name", ["rnn-vs-gru", "rnn-vs-gru-equal-parameters"])
def test_gated_cells_predict_better_and_are_not_told_apart(name: str) -> None:
    report = pages.report(name, RATE)
    gru, lstm = pairs(report, [RNN], [GRU, LSTM])
    (gated,) = pairs(report, [GRU], [LSTM])
    assert [pair.seeds for pair in (gru, lstm, gated)] == [20, 20, 20]
    assert all(pair.significant and pair.low > 0 for pair in (gru, lstm))
    assert not gated.significant
    assert_said(
        "exercises/rnn-vs-gru",
        f"{gru.difference:.3f} nats above the GRU's and {lstm.difference:.3f} above the LSTM's",
        f"between {gated.low:.3f} and {gated.high:+.3f} nats",
    )


def test_which_difference_of_gru_and_lstm_would_have_been_found() -> None:
    pages_of = ("rnn-vs-gru", "rnn-vs-gru-equal-parameters")
    found = [power.table(pages.report(name, RATE)).rows[-1][-1] for name in pages_of]
    assert_said("exercises/rnn-vs-gru", f"One of {max(map(float, found)):.3f} nats would have been found with 80 %")


def test_one_rate_for_all_would_say_anything() -> None:
    report = pages.report("rnn-vs-gru", ())
    assert [(v.values["model.cell"]["kind"], v.values["training.optimizer.lr"]) for v in report.variants] == [
        (kind, rate) for kind in ("rnn", "gru", "lstm") for rate in (1.0, 4.0)
    ]
    assert all(pair.significant and pair.high < 0 for pair in pairs(report, [0], [2, 4])), "at 1 the RNN is best"
    ends = np.array(final(report, 1))
    ruined = ends > 19
    assert max(ends[~ruined]) < 10
    assert max(max(final(report, variant)) for variant in (3, 5)) < 9
    train = mean_perplexities(report, range(6), "train_perplexity")
    assert min(train) == train[3]
    assert_said(
        "exercises/rnn-vs-gru",
        f"with {ruined.sum()} of 20 seeds (test perplexities of {between(ends[ruined], 0)}; the other"
        f" {(~ruined).sum()} end at {between(ends[~ruined], 1)})",
        f"The GRU at rate 4 fits the training text best ({train[3]:.2f})",
    )


def test_the_gru_from_scratch() -> None:
    report = pages.report("gru-scratch", ())
    averages = report.variants[0].averages
    train, validation = interval(averages.train_perplexity), interval(averages.validation_perplexity)
    assert_said(
        "exercises/gru-scratch",
        f"Train perplexity {train.mean:.2f} (95 % interval of the mean {between(train[1:], 2)})",
        f"validation perplexity {validation.mean:.2f} ({between(validation[1:], 2)}), over 20 seeds",
        f"validation perplexities of {between(final(report, 0, 'validation_perplexity'), 2)}",
    )
    assert len(final(report, 0)) == 0, "the book has no test part"
    assert train.low < 5.74 < train.high
    assert validation.low < 6.83 < validation.high


def test_what_bfloat16_costs() -> None:
    report = planned.differing_in(pages.report("bfloat16", ()), "training.precision")
    variants = [(v.values["model.cell"]["kind"], v.values["training.precision"]) for v in report.variants]
    assert variants == [(cell, precision) for cell in ("gru", "lstm") for precision in ("fp32", "bf16")]
    gru, lstm = report.comparison.pairs
    assert [(pair.first, pair.second, pair.seeds) for pair in (gru, lstm)] == [(0, 1, 20), (2, 3, 20)]
    assert not gru.significant
    assert lstm.significant
    assert lstm.high < 0
    (found, _) = (float(row[-1]) for row in power.table(report).rows)
    assert_said(
        "results/bfloat16",
        f"it cost an LSTM {-lstm.difference:.3f} nats of test loss",
        f"{-lstm.difference:.3f} nats higher in bfloat16 (interval {-lstm.high:.3f} to {-lstm.low:.3f}, adjusted p"
        f" {lstm.p_adjusted:.2f}), so its perplexity was {100 * np.expm1(-lstm.difference):.1f} % higher",
        f"a cost of up to {-gru.low:.3f} nats and a gain of up to {gru.high:.3f} remain possible",
        f"found a difference of {found:.3f} nats",
    )


# -- Memory -----------------------------------------------------------------------------------------------------------


def remembering(cell: str, *lags: int, twice: bool = False, file: str = "memory") -> tuple[int, int]:
    """The number of runs that recall at least 99 % of the symbols, and the number of all runs."""
    of_lag = memory.curves(memory.read(RESULTS / f"{file}.csv"), twice)[cell]
    found = [accuracy >= 0.99 for lag in lags for accuracy in of_lag[lag]]
    return sum(found), len(found)


def test_what_remembers() -> None:
    rnn, reset, update, both, lstm, _ = memory.NAMES.values()
    assert remembering(both, 2, 5, 10, 20) == remembering(update, 2, 5, 10, 20) == (80, 80)
    assert remembering(rnn, 2, 5) == remembering(reset, 2, 5) == (40, 40)
    assert remembering(lstm, 2, 5, 10) == (60, 60)
    p = [fisher(remembering(update, lag), remembering(both, lag)) for lag in (40, 80)]
    assert_said(
        "exercises/memory",
        f"A GRU with both gates remembers over 40 steps with {remembering(both, 40)[0]} of 20 seeds;",
        f"At 40 both gates remembered with {remembering(both, 40)[0]} of 20 seeds and the update gate alone with"
        f" {remembering(update, 40)[0]}; at 80 with {remembering(both, 80)[0]} and with {remembering(update, 80)[0]}.",
        f"p = {p[0]:.3f} at 40 and {p[1]:.2f} at 80",
        f"at 10 with {remembering(rnn, 10)[0]} and {remembering(reset, 10)[0]} of 20,"
        f" and at 20 with {remembering(rnn, 20)[0]} and {remembering(reset, 20)[0]}.",
        f"at 20 with {remembering(lstm, 20)[0]} of 20 and at 40 with {remembering(lstm, 40)[0]} of 20",
        f"in {remembering(update, 40, twice=True)[0]} of 20 runs at 40"
        f" and in {remembering(update, 80, twice=True)[0]} of 20 at 80",
    )


def test_what_a_forget_gate_that_begins_open_does() -> None:
    *_, usual, open_gate = memory.NAMES.values()
    found = {lag: [remembering(cell, lag, file="forget-bias") for cell in (open_gate, usual)] for lag in (40, 80)}
    assert found[80] == [(0, 20), (0, 20)]
    assert_said(
        "exercises/memory",
        f"with {found[40][0][0]} of 20 seeds, the usual initial values with {found[40][1][0]} of 20",
        f"p = {fisher(*found[40]):.2f}), and at 80",
    )


def test_what_copies_three_symbols() -> None:
    rnn, reset, *others, _ = memory.NAMES.values()
    update, both, lstm = others
    lags = (5, 10, 20, 40)
    curves = memory.curves(memory.read(RESULTS / "copying.csv"))
    assert remembering(rnn, *lags, file="copying") == remembering(reset, *lags, file="copying") == (0, 80)
    assert max(np.mean(curves[cell][lag]) for cell in (rnn, reset) for lag in lags) < 0.5
    counts = {(cell, lag): remembering(cell, lag, file="copying") for cell in others for lag in lags}
    p = {
        (first, second, lag): fisher(counts[first, lag], counts[second, lag])
        for first, second in combinations(others, 2)
        for lag in lags
    }
    level = 0.05 / len(p)
    assert [pair for pair, found in p.items() if found < level] == [(both, lstm, 10), (both, lstm, 20)]
    assert_said(
        "exercises/memory",
        f"no cell remembered with more than {max(counts[cell, 40][0] for cell in others)} of 20 seeds",
        f"each p has to be below {level:.4f}",
        f"at 10 the LSTM remembered with {counts[lstm, 10][0]} of 20 seeds and both gates with {counts[both, 10][0]}"
        f" (p = {p[both, lstm, 10]:.4f})",
        f"at 20 both gates did so with {counts[both, 20][0]} and the LSTM with {counts[lstm, 20][0]}"
        f" (p = {p[both, lstm, 20]:.6f})",
        f"with {counts[update, 10][0]} and {counts[both, 10][0]} of 20 seeds at 10 (p = {p[update, both, 10]:.4f})",
    )


def fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    """The two-sided p of Fisher's exact test on two shares."""
    table = [[found, of - found] for found, of in (first, second)]
    return float(fisher_exact(table).pvalue)


def test_gates_that_keep_the_state_become_more_as_it_is_learned() -> None:
    looks = saturation.read(RESULTS / "gates-in-training.csv")
    cells = list(dict.fromkeys(look.cell for look in looks))
    assert cells == [memory.NAMES["gru update"], memory.NAMES["gru"]]
    for cell, column in ((cells[0], "update_over"), (cells[1], "update_over"), (cells[1], "reset_under")):
        begin, end = (saturation.values(looks, cell, column, epoch) for epoch in (1, 40))
        assert len(begin) == 20
        assert all(first < last for first, last in zip(begin, end, strict=True))
    for cell in cells:
        assert set(saturation.values(looks, cell, "recall", 40)) == {1.0}
    assert_said("exercises/memory", "With each of the 20 seeds of both cells", "(z over 0.9) was larger after epoch 40")


def test_how_far_the_others_are_from_remembering() -> None:
    curves = memory.curves(memory.read(RESULTS / "memory.csv"))
    best = {cell: max(found for lag in (40, 80) for found in curves[cell][lag]) for cell in curves}
    assert_said("exercises/memory", f"at most {best['tanh RNN']:.0%}".replace("%", " %"))
    assert_said("exercises/memory", f"at most {best['GRU, reset gate only']:.0%}".replace("%", " %"))


def test_what_none_or_all_of_twenty_seeds_leave_possible() -> None:
    """The bound of Clopper and Pearson: the share at which zero of twenty has a probability of 2.5 %."""
    most = 1 - 0.025 ** (1 / 20)
    assert_said(
        "exercises/memory",
        f"up to {most:.0%} of all seeds".replace("%", " %"),
        f"at least {1 - most:.0%}".replace("%", " %"),
    )
