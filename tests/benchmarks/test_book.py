"""The comparison of Gatelab with the textbook's code rests on intervals that hold together, whatever the seeds."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from benchmarks.published import book
from benchmarks.published.book import OURS, THEIRS, Training
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
