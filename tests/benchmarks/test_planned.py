"""The planned comparisons of an experiment are tested as if there were no others."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from benchmarks.published import files, pages, planned
from benchmarks.published.experiments import RESULTS

RATE = "training.optimizer.lr"


def test_planned_pairs_are_corrected_for_their_number() -> None:
    found = planned.differing_in(pages.report("rnn-vs-gru", ()), RATE).comparison
    rows = files.read(RESULTS / "rnn-vs-gru.csv")
    losses: dict[tuple[str, str], list[float]] = {}
    for row in sorted(rows, key=lambda row: int(row["seed"])):
        losses.setdefault((row["model.cell"], row[RATE]), []).append(float(row["test_loss"]))
    ordered = list(losses.values())
    assert [(pair.first, pair.second) for pair in found.pairs] == [(0, 1), (2, 3), (4, 5)]
    for pair in found.pairs:
        test = ttest_rel(ordered[pair.first], ordered[pair.second])
        low, high = test.confidence_interval(1 - 0.05 / 3)
        assert (pair.low, pair.high) == pytest.approx((low, high))
        assert pair.difference == pytest.approx(np.mean(ordered[pair.first]) - np.mean(ordered[pair.second]))
        assert pair.p_adjusted == pytest.approx(min(1, 3 * test.pvalue), rel=1e-6)
        assert pair.significant == (low > 0 or high < 0) == (pair.p_adjusted < 0.05)
    assert "corrected for 3 comparisons" in found.method


def test_a_path_in_which_no_pair_differs_alone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no two variants that were compared differ in 'training\.clip_norm' alone"):
        planned.differing_in(pages.report("rnn-vs-gru", ()), "training.clip_norm")
