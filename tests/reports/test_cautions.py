"""Warnings about numbers that mean little."""

import math
from typing import Any

import pytest

from gatelab.reports.cautions import FEW_TOKENS, cautions
from gatelab.reports.comparability import warnings
from tests.reports.records import job_of, records

GUESS = "The validation loss, 10.97 nats, is above that of a uniform guess over 27 tokens (3.30)"
FEW = "The validation part has only 29 tokens, so its loss and perplexity depend largely on chance."


def said(loss: float | None, tokens: int | None, vocabulary: int | None) -> list[str]:
    return [sentence.partition(": the model")[0] for sentence in cautions("validation", loss, tokens, vocabulary)]


def test_a_loss_above_that_of_a_guess_over_few_tokens_gets_both_warnings() -> None:
    assert said(10.97, 29, 27) == [GUESS, FEW]


@pytest.mark.parametrize(
    ("loss", "tokens", "vocabulary"),
    [
        (math.log(27), FEW_TOKENS, 27),
        (math.nan, FEW_TOKENS, 27),
        (10.97, None, None),
        (None, 29, 27),
    ],
    ids=["at-the-bounds", "not-a-number", "earlier-version", "not-measured"],
)
def test_nothing_is_said_of_what_is_good_or_unknown(
    loss: float | None, tokens: int | None, vocabulary: int | None
) -> None:
    assert said(loss, tokens, vocabulary) == []


def of_runs(*losses: float, **changes: Any) -> list[str]:
    job = job_of(grid={"training.seed": list(range(len(losses)))})
    return warnings(records(job, losses, **{"vocabulary": 27, "validation_tokens": 5000} | changes))


def test_a_report_names_the_runs_that_are_worse_than_a_guess() -> None:
    [warning] = of_runs(2.0, 10.97, 4.0)
    assert warning == (
        "2 of 3 runs predict worse than no model at all (run-1, run-2): their validation loss is above that of a"
        " uniform guess. The highest is 10.97 nats, where a uniform guess over 27 tokens has 3.30."
    )


def test_a_report_says_that_a_part_is_small() -> None:
    assert of_runs(2.0, 2.1, validation_tokens=29) == [FEW]


def test_a_report_on_earlier_runs_says_nothing() -> None:
    assert of_runs(10.97, vocabulary=None, validation_tokens=None) == []
    assert of_runs(2.0) == []
