"""The answer of docs/results/cell-zoo.md agrees with its raw results: the tests make each sentence from the data."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from benchmarks.published import zoo, zoo_plan, zoo_tables
from benchmarks.published.experiments import RESULTS
from benchmarks.published.zoo import RecallRow, TextRow
from benchmarks.published.zoo_tables import Difference
from tests.benchmarks.test_claims import assert_said, between, fisher

PAGE = "results/cell-zoo"
TRAINED = 10_031
"""The number of characters in the training windows."""


@cache
def text_rows() -> list[TextRow]:
    return zoo.read(RESULTS / "cell-zoo.csv", TextRow)


@cache
def recall_rows() -> list[RecallRow]:
    return zoo.read(RESULTS / "cell-zoo-recall.csv", RecallRow)


def named(cells: Sequence[str]) -> str:
    """`a`, `b` and `c`."""
    *first, last = [f"`{cell}`" for cell in cells]
    return f"{', '.join(first)} and {last}" if first else last


def judged(baseline: str, verdict: str) -> list[Difference]:
    """The differences to a baseline, the largest first."""
    found = [
        each for each in zoo_tables.differences(text_rows()) if (each.baseline, each.verdict) == (baseline, verdict)
    ]
    return sorted(found, key=lambda each: -abs(each.mean))


def test_every_cell_trains(time_machine: str) -> None:
    rows = [*text_rows(), *recall_rows()]
    diverged = sum(row.state == "diverged" for row in rows)
    counts = np.array(list(Counter(re.sub("[^A-Za-z]+", " ", time_machine).strip().lower()[:TRAINED]).values()))
    guess = -float(np.sum(counts / TRAINED * np.log(counts / TRAINED)))
    worst = max(loss for of_cell in zoo_tables.losses(text_rows()).values() for loss in of_cell.values())
    assert worst < guess
    assert_said(
        PAGE,
        f"{diverged or 'None'} of the {len(rows):,} runs diverged",
        f"has a test loss of {worst:.2f}",
        f"characters of the training windows alone would have {guess:.2f}",
    )


@pytest.mark.parametrize(("baseline", "title"), [("gru", "GRU"), ("lstm", "LSTM")])
def test_which_cells_differ_from_a_baseline(baseline: str, title: str) -> None:
    for verdict in ("better", "worse"):
        found = judged(baseline, verdict)
        cells = named([each.cell for each in found]) if found else "none"
        assert_said(PAGE, f"{verdict.capitalize()} than the {title}: {cells}")
        if found:
            assert_said(PAGE, f"by {between(abs(each.mean) for each in found)} nats")


def test_the_sentence_counts_them() -> None:
    words = {11: "eleven", 16: "sixteen"}
    counts = [words[len(judged(baseline, "worse"))] for baseline in ("gru", "lstm")]
    assert_said(PAGE, f"{counts[0]} were worse than the GRU and {counts[1]} worse than the LSTM")


def test_what_was_not_told_apart_and_what_would_have_been() -> None:
    for baseline, title in (("gru", "GRU"), ("lstm", "LSTM")):
        equal = judged(baseline, "not told apart")
        assert_said(PAGE, f"{len(equal)} cells could not be told apart from the {title}")
    found = [each.found for each in zoo_tables.differences(text_rows())]
    assert_said(
        PAGE,
        f"found one of {between(found)} nats with 80 % probability",
        f"half of them only one of more than {np.median(found):.3f}",
    )


def test_small_cells_that_hold_up() -> None:
    parameters = {row.cell: row.parameters for row in text_rows()}
    beside = {(each.cell, each.baseline): each for each in zoo_tables.differences(text_rows())}
    assert {beside["qrnn", baseline].verdict for baseline in ("gru", "lstm")} == {"not told apart"}
    assert_said(
        PAGE,
        f"either baseline with {parameters['qrnn']:,} parameters",
        f"the GRU has {parameters['gru']:,} and the LSTM {parameters['lstm']:,}",
        f"`mingru`, with {parameters['mingru']:,}, is within {beside['mingru', 'gru'].high:.3f} nats of the GRU",
    )


def test_the_plain_rnn_went_astray_once() -> None:
    *others, worst = sorted(zoo_tables.losses(text_rows())["rnn"].values())
    assert_said(PAGE, f"it ended at {worst:.2f}, the other nine at {between(others, 2)}")


def test_what_was_best_at_the_edge_of_what_was_tried() -> None:
    choices = zoo.choose(text_rows())
    assert min(choice.lr for choice in choices.values()) > 0.003, "no cell is best at the lowest rate"
    assert_said(
        PAGE,
        f"{named([cell for cell, choice in choices.items() if choice.lr == 0.1])} are best at its highest rate, 0.1",
        f"{named([cell for cell, choice in choices.items() if choice.epochs == 50])} at the last of the 50 epochs",
    )


@pytest.mark.parametrize("lag", zoo_plan.LAGS)
def test_which_cells_remember(lag: int) -> None:
    counts: dict[str, int] = {}
    for row in recall_rows():
        if row.part == "comparison" and row.lag == lag:
            counts[row.cell] = counts.get(row.cell, 0) + row.remembers
    seeds = zoo_plan.RECALL_SEEDS
    others = sorted((found, cell) for cell, found in counts.items() if found < seeds)
    assert_said(
        PAGE,
        f"at lag {lag}, {len(counts) - len(others)} of {len(counts)} cells remembered with every seed",
        "; ".join(f"`{cell}` with {found} of {seeds}" for found, cell in others),
    )


def test_what_five_seeds_of_recall_could_tell_apart() -> None:
    seeds, comparisons = zoo_plan.RECALL_SEEDS, len(zoo_tables.differences(text_rows()))
    p = fisher((seeds, seeds), (0, seeds))
    assert_said(
        PAGE, f"p = {p:.3f} by Fisher's exact test", f"for {comparisons} comparisons makes {comparisons * p:.2f}"
    )
