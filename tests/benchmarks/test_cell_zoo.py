"""The comparison of the published cells: its plan, what tuning chooses, what is tested, and how it is measured."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t, ttest_rel

from benchmarks.cell_zoo import measure
from benchmarks.published import zoo, zoo_plan, zoo_tables
from benchmarks.published.experiments import RESULTS
from benchmarks.published.zoo import Choice, Key, Part, RecallRow, TextRow, Trial
from gatelab.equations.zoo import zoo as published
from gatelab.specs import RunSpec
from gatelab.text.memory_tasks import corpus_text

EVERY = {row.cell for row in zoo.read(RESULTS / "cell-zoo.csv", TextRow)}
"""The cells that were compared. Cells that Gatelab got later are not among them."""


def text_row(cell: str, seed: int, test_loss: float | None, **others: object) -> TextRow:
    values = {
        **{"part": "comparison", "cell": cell, "lr": 0.01, "seed": seed, "epochs": 7, "parameters": 100, "epoch": 7},
        **{"state": "succeeded" if test_loss else "diverged", "step": 70, "validation_loss": 2.0, "seconds": 1.0},
        **{"trained_together": 1, "train_loss": 1.9, "test_loss": test_loss, "best_epoch": 7},
        **{"best_validation_loss": 2.0},
    }
    return TextRow.model_validate(values | others)


def tuned(cell: str, lr: float, seed: int, best: float | None, epoch: int, state: str = "succeeded") -> TextRow:
    found = {"part": "tuning", "lr": lr, "best_validation_loss": best, "best_epoch": epoch, "state": state}
    return text_row(cell, seed, 2.0, **found)


def recall_row(lr: float, seed: int, recall: float, step: int) -> RecallRow:
    of = text_row("gru", seed, None).model_dump() | {"part": "tuning", "lr": lr, "step": step}
    return RecallRow.model_validate(of | {"lag": 20, "recall": recall})


# -- The plan ---------------------------------------------------------------------------------------------------------


def test_every_cell_is_tuned_and_compared_on_other_seeds() -> None:
    assert published().keys() >= EVERY
    choices = dict.fromkeys(EVERY, Choice(0.01, 7))
    for tuning, comparison, seeds in (
        (zoo_plan.tuning(), zoo_plan.comparison(choices), zoo_plan.SEEDS),
        (zoo_plan.recall_tuning(), zoo_plan.recall_comparison(choices, 40), zoo_plan.RECALL_SEEDS),
    ):
        assert {zoo.cell_of(run) for run in tuning} == EVERY
        assert {zoo.cell_of(run) for run in comparison} == EVERY
        assert not {run.training.seed for run in tuning} & {run.training.seed for run in comparison}
        assert len(comparison) == len(EVERY) * seeds
        assert {run.training.optimizer.lr for run in comparison} == {0.01}


def test_what_is_compared_differs_from_what_was_tuned_by_seed_epochs_and_stopping_alone() -> None:
    choices = {cell: Choice(0.03, 5 + number) for number, cell in enumerate(sorted(EVERY))}
    tuned_on = zoo_plan.tuning()
    for run in zoo_plan.comparison(choices):
        assert run.training.epochs == run.training.evaluate_every.epochs == choices[zoo.cell_of(run)].epochs
        assert run.training.stop.patience is None
        same = {"seed": 100, "epochs": 50, "stop": {"patience": 8}, "evaluate_every": {"epochs": 1}}
        training = run.training.model_dump() | same
        assert RunSpec.model_validate(run.model_dump() | {"training": training}) in tuned_on


def test_a_run_on_recall_ends_where_it_remembers() -> None:
    """The best possible model still loses ln 8 on the symbol, and ln 4 on each character of noise."""
    for lag in (zoo_plan.TUNED_LAG, 40):
        least = (math.log(8) + lag * math.log(4)) / (lag + 4)
        guessing = least + math.log(8) / (lag + 4)
        assert (zoo_plan.remembered_loss(lag) - least) / (guessing - least) == pytest.approx(0.05, abs=0.002)
    targets = {run.training.stop.target for run in zoo_plan.recall_tuning()}
    assert targets == {zoo_plan.remembered_loss(zoo_plan.TUNED_LAG)}


# -- What tuning chooses ----------------------------------------------------------------------------------------------


def test_the_rate_of_the_lowest_validation_loss_is_chosen_and_its_mean_epoch() -> None:
    rows = [tuned("gru", lr, seed, best, 3 * seed) for lr, best in ((0.01, 1.9), (0.1, 1.8)) for seed in (1, 2, 3)]
    rows += [text_row("gru", 0, 1.0, lr=0.03, best_validation_loss=1.0)]
    assert zoo.choose(rows) == {"gru": Choice(0.1, 6)}


def test_a_rate_at_which_a_seed_diverged_comes_last() -> None:
    rows = [tuned("gru", 0.01, seed, 1.9, 10) for seed in (1, 2)]
    rows += [tuned("gru", 0.1, 1, 1.0, 10), tuned("gru", 0.1, 2, None, 0, "diverged")]
    assert zoo.choose(rows) == {"gru": Choice(0.01, 10)}


def test_the_rate_that_recalls_most_is_chosen_and_then_the_faster_one() -> None:
    rows = [recall_row(lr, seed, 1.0, step) for lr, step in ((0.003, 900), (0.01, 500)) for seed in (1, 2)]
    rows += [recall_row(0.03, seed, 0.99, 100) for seed in (1, 2)]
    assert zoo.choose_recall(rows)["gru"].lr == 0.01


# -- What is tested ---------------------------------------------------------------------------------------------------


def compared(random: np.random.Generator, cells: int = 5, seeds: int = 6) -> list[TextRow]:
    names = ["gru", "lstm", *(f"cell{number}" for number in range(cells - 2))]
    found = [text_row(cell, seed, 2 + random.normal(0, 0.01)) for cell in names for seed in range(seeds)]
    return [*found, *(tuned(cell, 0.01, 100, 1.9, 7) for cell in names)]


def test_differences_are_paired_t_tests_corrected_for_their_number(random: np.random.Generator) -> None:
    rows = compared(random)
    found, losses = zoo_tables.differences(rows), zoo_tables.losses(rows)
    assert len(found) == 2 * 3 + 1, "three cells with both baselines, and these with one another"
    assert len({frozenset((each.cell, each.baseline)) for each in found}) == len(found)
    for each in found:
        first, second = (list(losses[name].values()) for name in (each.cell, each.baseline))
        expected = ttest_rel(first, second)
        bounds = expected.confidence_interval(1 - 0.05 / len(found))
        assert (each.p, each.low, each.high) == pytest.approx((expected.pvalue, *bounds))
        assert each.p_adjusted == pytest.approx(min(1, len(found) * expected.pvalue))
        assert (each.verdict == "not told apart") == (each.p_adjusted >= 0.05)
        assert each.found > each.high - each.mean, "to be found surely, a difference is above its half width"


def test_a_clear_difference_is_found_with_its_sign(random: np.random.Generator) -> None:
    rows = [row if row.cell != "cell0" else row.model_copy(update={"test_loss": 1.5}) for row in compared(random)]
    assert {each.verdict for each in zoo_tables.differences(rows) if each.cell == "cell0"} == {"better"}
    assert zoo_tables.text_results(rows).rows[0][0] == "cell0"


def test_a_seed_that_diverged_is_counted_and_leaves_its_pairs(random: np.random.Generator) -> None:
    gone = [row if (row.cell, row.seed) != ("cell1", 2) else text_row("cell1", 2, None) for row in compared(random)]
    assert {each.seeds for each in zoo_tables.differences(gone) if each.cell == "cell1"} == {5}
    table = zoo_tables.text_results(gone)
    shown = {line[0]: line[table.columns.index("seeds")] for line in table.rows}
    assert shown == {"gru": "6 of 6", "lstm": "6 of 6", "cell0": "6 of 6", "cell1": "5 of 6", "cell2": "6 of 6"}


def test_an_interval_of_a_mean_is_student_s() -> None:
    values = [2.0, 2.1, 2.3]
    half = t.ppf(0.975, 2) * np.std(values, ddof=1) / math.sqrt(3)
    rows = [text_row("gru", seed, value) for seed, value in enumerate(values)] + [tuned("gru", 0.01, 100, 1.9, 7)]
    assert f"2.1333 ± {half:.4f}" in zoo_tables.text_results(rows).rows[0]


# -- Measuring --------------------------------------------------------------------------------------------------------


def small(run: RunSpec) -> RunSpec:
    training = run.training.model_dump() | {"epochs": 1, "batch_size": 64}
    training["windows"] = (
        {"stride": 1, "train": 64, "validation": 32, "test": 32} if run.corpus == "time-machine" else {}
    )
    return RunSpec.model_validate(run.model_dump() | {"training": training})


def test_what_was_interrupted_goes_on_and_trains_nothing_twice(tmp_path: Path, time_machine: str) -> None:
    runs = [small(run) for run in zoo_plan.tuning() if zoo.cell_of(run) in ("gru", "rnn")][:4]
    trial, interrupted = (Trial("tuning", 0, some, time_machine) for some in (runs, runs[:3]))
    first = measure(interrupted, TextRow, tmp_path / "part.csv", 1)
    both = measure(trial, TextRow, tmp_path / "part.csv", 1)
    assert [row for row in both if row in first] == both[:3], "seconds and all"
    assert [row.key for row in both] == [trial.key_of(run) for run in runs]
    whole = measure(trial, TextRow, tmp_path / "whole.csv", 1)
    assert [row.test_loss for row in whole] == [row.test_loss for row in both]
    assert all(row.test_loss and row.best_epoch == 1 and row.state == "succeeded" for row in whole)


def test_a_run_on_recall_is_asked_at_its_lag(tmp_path: Path) -> None:
    task = zoo.task(20).model_copy(update={"examples": 500})
    runs = [small(run) for run in zoo_plan.recall_tuning() if zoo.cell_of(run) == "gru"][:1]
    (row,) = measure(Trial("tuning", 20, runs, corpus_text(task)), RecallRow, tmp_path / "recall.csv", 1)
    assert row.lag == 20
    assert 0 <= row.recall < 0.5, "five steps teach nothing"
    assert zoo.read(tmp_path / "recall.csv", RecallRow) == [row]


# -- What was published -----------------------------------------------------------------------------------------------


def planned(part: Part, lag: int, runs: Sequence[RunSpec]) -> list[Key]:
    return [Trial(part, lag, runs, "").key_of(run) for run in runs]


def test_the_file_of_the_text_has_every_run_of_the_plan() -> None:
    rows = zoo.read(RESULTS / "cell-zoo.csv", TextRow)
    compared = zoo_plan.comparison(zoo.choose(rows))
    expected = planned("tuning", 0, zoo_plan.tuning()) + planned("comparison", 0, compared)
    assert sorted(row.key for row in rows) == sorted(expected)


def test_the_file_of_recall_has_every_run_of_the_plan() -> None:
    rows = zoo.read(RESULTS / "cell-zoo-recall.csv", RecallRow)
    choices = zoo.choose_recall(rows)
    expected = planned("tuning", zoo_plan.TUNED_LAG, zoo_plan.recall_tuning())
    for lag in zoo_plan.LAGS:
        expected += planned("comparison", lag, zoo_plan.recall_comparison(choices, lag))
    assert sorted(row.key for row in rows) == sorted(expected)
