"""The comparison of Gatelab with the textbook's code rests on intervals that hold together, whatever the seeds."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from benchmarks.published import book
from benchmarks.published.book import OURS, THEIRS, Training
from benchmarks.published.experiments import RESULTS, ROOT
from gatelab.reports.statistics import mean_interval
from tests.randomized import random, seed

__all__ = ["random", "seed"]


def trainings(cell: str, by: str, perplexities: Sequence[float]) -> list[Training]:
    """One for each seed; its train perplexity is one less."""
    return [
        Training(
            cell=cell,
            lr=1,
            by=by,
            seed=number,
            train_perplexity=found - 1,
            validation_perplexity=found,
            tokens_per_second=1e6,
        )
        for number, found in enumerate(perplexities)
    ]


def test_an_interval_is_welch_s_for_all_comparisons_at_once(random: np.random.Generator) -> None:
    ours, theirs = random.normal(7, 0.1, 20), random.normal(7.2, 0.3, 9)
    found = [
        training
        for cell in ("gru", "rnn")
        for training in (*trainings(cell, OURS, list(ours)), *trainings(cell, THEIRS, list(theirs)))
    ]
    # Welch (1947), with the degrees of freedom of Satterthwaite (1946).
    parts = [sample.var(ddof=1) / len(sample) for sample in (ours, theirs)]
    freedom = sum(parts) ** 2 / sum(part**2 / (len(of) - 1) for part, of in zip(parts, (ours, theirs), strict=True))
    half = t.ppf(1 - 0.05 / 4 / 2, freedom) * math.sqrt(sum(parts))
    compared = book.differences(found)
    assert [(each.cell, each.measure) for each in compared] == [
        (cell, measure) for cell in ("gru", "rnn") for measure in ("train", "validation")
    ]
    for each in compared:
        assert each.mean == pytest.approx(ours.mean() - theirs.mean())
        assert (each.low, each.high) == pytest.approx((each.mean - half, each.mean + half))


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = trainings("gru", OURS, [7.123456789012345, 6.9])
    book.write(tmp_path / "book-model.csv", found)
    assert book.read(tmp_path / "book-model.csv") == found


def test_what_the_benchmarks_page_says_of_the_book_s_model() -> None:
    found = book.read(RESULTS / "book-model.csv")
    of = {(each.cell, each.measure): each for each in book.differences(found)}
    assert all(each.low < 0 < each.high for each in of.values()), "no difference was found"
    gru, rnn = of["gru", "validation"], of["rnn", "validation"]
    text = " ".join((ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"For the GRU, Gatelab's validation perplexity may still lie {-gru.low:.3f} below the textbook's to"
        f" {gru.high:.3f} above it; for the RNN, {-rnn.low:.3f} below to {rnn.high:.3f} above." in text
    )

    def bounds(cell: str, measure: str) -> tuple[float, float]:
        interval = mean_interval([getattr(each, f"{measure}_perplexity") for each in book.groups(found)[cell, OURS]])
        assert interval is not None
        assert interval.low is not None
        assert interval.high is not None
        return interval.low, interval.high

    for cell, measure, expected in (("gru", "validation", 6.83), ("gru", "train", 5.74)):
        low, high = bounds(cell, measure)
        assert low < expected < high
    assert 8.40 < bounds("rnn", "validation")[0] < 8.41
