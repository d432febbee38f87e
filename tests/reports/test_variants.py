"""Rows: runs that differ only in their seeds share one, and runs that did not succeed are named."""

import math
from dataclasses import replace
from typing import Any

import pytest

from gatelab.errors import InvalidRequest
from gatelab.reports.build import comparison_report, job_report
from gatelab.reports.labels import label, short_names
from gatelab.reports.variants import state_in_words
from gatelab.specs import RunSpec, parse
from gatelab.wire.runs import RunError
from tests.reports.records import evaluation, job_of, record, records, report_of

LAYERS, HIDDEN, LR = "model.layers", "model.cell.hidden", "training.optimizer.lr"
SPEC = RunSpec(corpus="book")


def test_a_row_for_every_grid_point_over_its_repeats() -> None:
    report = report_of(job_of(grid={LAYERS: [1, 2], HIDDEN: [8, 16]}, repeats=2), [1, 1.2, 2, 2.2, 3, 3.2, 4, 4.2])
    assert [(variant.values[LAYERS], variant.values[HIDDEN]) for variant in report.variants] == [
        (1, 8), (1, 16), (2, 8), (2, 16)
    ]  # fmt: skip
    first = report.variants[0].averages.validation_perplexity
    assert first is not None
    assert first.mean == pytest.approx((math.exp(1) + math.exp(1.2)) / 2)
    assert first.n == 2
    assert report.variants[0].runs == ["run-0", "run-1"]
    assert report.variants[1].label == "layers=1, hidden=16"
    assert report.best == 0


@pytest.mark.parametrize(
    ("path", "written", "values", "labels"),
    [
        ("training.optimizer.lr", [0.5, "1e-1", 2], [0.5, 0.1, 2.0], ["0.5", "0.1", "2"]),
        (
            "model.cell",
            [{"kind": "gru", "gates": ["update", "reset"]}, {"kind": "rnn", "hidden": 32}],
            [{"kind": "gru"}, {"kind": "rnn"}],
            ["gru", "rnn"],
        ),
        (
            "model.cell",
            [{"kind": "gru", "gates": ["reset"]}, {"kind": "gru", "hidden": 32}, {"kind": "lstm", "hidden": 8}],
            [{"kind": "gru", "gates": ["reset"]}, {"kind": "gru", "gates": ["reset", "update"]},
             {"kind": "lstm", "hidden": 8}],
            ["gru gates=reset", "gru gates=reset+update", "lstm hidden=8"],
        ),
        ("model.input", ["one_hot", {"embedding": 8}], ["one_hot", {"embedding": 8}], ["one_hot", "embedding=8"]),
        ("training.windows.stride", [None, 8], [32, 8], ["32", "8"]),
        ("training.windows", [{}, {"stride": 8}], [{"stride": 32}, {"stride": 8}], ["stride=32", "stride=8"]),
        ("training.clip_norm", [None, 1], [None, 1.0], ["off", "1"]),
        ("training.sample", [None, {}], [None, {"prefix": "", "characters": 50, "temperature": 0.0}],
         ["off", "prefix= characters=50 temperature=0"]),
    ],
)  # fmt: skip
def test_values_are_those_that_ran(path: str, written: list[Any], values: list[Any], labels: list[str]) -> None:
    report = report_of(job_of(grid={path: written}), [2.0 + n for n in range(len(written))])
    assert [variant.values[path] for variant in report.variants] == values
    assert [variant.label for variant in report.variants] == labels


def test_a_job_that_was_asked_for_with_overlapping_paths_shows_what_ran() -> None:
    """An earlier version accepted such grids, and lost the value of a path if another path replaced its parent."""
    cells = [{"kind": "gru"}, {"kind": "lstm"}]
    job = job_of(grid={HIDDEN: [32, 64], "model.cell": cells})
    specs = [parse(RunSpec, {"corpus": "book", "model": {"cell": cell}}) for _ in range(2) for cell in cells]
    runs = [record(spec, index, 2.0 + index % 2) for index, spec in enumerate(specs)]
    report = job_report("job-1", job, runs)
    assert [variant.values for variant in report.variants] == [
        {HIDDEN: 32, "model.cell": {"kind": "gru"}}, {HIDDEN: 32, "model.cell": {"kind": "lstm"}}
    ]  # fmt: skip
    assert [(variant.seeds, len(variant.runs)) for variant in report.variants] == [(1, 2), (1, 2)]


def test_a_seed_counts_once_however_often_it_was_trained() -> None:
    """Means, intervals, tests and shares are as if each seed had been trained once."""
    job = job_of(grid={LAYERS: [1, 2]}, repeats=3)
    once = records(job, [2.0, 2.1, 1.9, 2.4, 2.6, 2.3])
    again = [record(run.spec, 6 + run.index, run.last and run.last.validation_loss, job_id="job-2") for run in once]
    alone, both = comparison_report(once), comparison_report(once + again)
    assert [variant.averages for variant in both.variants] == [variant.averages for variant in alone.variants]
    assert both.comparison == alone.comparison
    assert both.influence == alone.influence
    assert both.curves == alone.curves
    assert [(len(variant.runs), variant.seeds, variant.succeeded) for variant in both.variants] == [(6, 3, 3)] * 2
    assert [interval.n for variant in both.variants if (interval := variant.averages.validation_perplexity)] == [3, 3]


def test_of_a_seed_that_was_trained_twice_the_run_that_succeeded_counts() -> None:
    runs = records(job_of(repeats=2), [2.0, 2.2])
    failed = record(runs[0].spec, 2, 9.0, state="failed", error=RunError(type="crashed", message="died"))
    [variant] = comparison_report([failed, *runs]).variants
    assert (variant.succeeded, variant.seeds, variant.troubles) == (2, 2, [])


def test_runs_that_share_their_time_have_no_interval_of_it() -> None:
    job = job_of(grid={LAYERS: [1, 2]}, repeats=3)
    losses = [2.0, 2.1, 1.9, 2.4, 2.6, 2.3]
    runs = records(job, losses)
    runs[1] = replace(runs[1], trained_together=3, seconds=2.5)
    report = job_report("job-1", job, runs)
    seconds = report.variants[0].averages.seconds
    assert seconds is not None
    assert seconds.mean == pytest.approx(6.5 / 3)
    assert (seconds.low, seconds.high, seconds.n) == (None, None, 3)
    assert report.variants[0].averages.tokens_per_second is not None
    assert report.variants[0].averages.tokens_per_second.low is None
    assert report.variants[0].averages.validation_perplexity is not None
    assert report.variants[0].averages.validation_perplexity.low is not None
    assert report.variants[1].averages.seconds is not None
    assert report.variants[1].averages.seconds.low is not None
    assert report.influence is not None
    assert report.influence.seconds_rest is not None
    assert report.influence.seconds_rest.seeds is None
    assert report.influence.loss_rest is not None
    assert report.influence.loss_rest.seeds is not None


def test_seeds_in_the_grid_are_repeats() -> None:
    report = report_of(job_of(grid={"training.seed": [3, 1, 2], LAYERS: [1, 2]}), [1, 2, 1.5, 2.5, 1.2, 2.2])
    assert [variant.values for variant in report.variants] == [{LAYERS: 1}, {LAYERS: 2}]
    assert report.variants[0].runs == ["run-2", "run-4", "run-0"], "by ascending seed"
    assert [pair.seeds for pair in report.comparison.pairs] == [3]


def test_averages_are_over_what_succeeded_and_the_rest_is_named() -> None:
    job = job_of(repeats=3)
    runs = records(job, [2.0, 2.0, 2.0])
    diverged = RunError(type="diverged", message="the loss is nan at step 12 (epoch 2)", step=12, epoch=2)
    runs[1] = record(runs[1].spec, 1, 9.0, state="failed", error=diverged)
    runs[2] = record(runs[2].spec, 2, 9.0, state="running", step=9)
    [variant] = job_report("job-1", job, runs).variants
    assert variant.averages.validation_perplexity is not None
    assert variant.averages.validation_perplexity.n == 1
    assert (variant.succeeded, len(variant.runs)) == (1, 3)
    assert variant.troubles == ["seed 1: diverged at step 12 (epoch 2)", "seed 2: running 45 %"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "succeeded"),
        ({"state": "queued", "step": 0, "total_steps": None}, "queued"),
        ({"state": "queued", "step": 5}, "queued 25 %"),
        ({"state": "running", "step": 9}, "running 45 %"),
        ({"state": "cancelled", "step": 19}, "cancelled at 95 %"),
        ({"state": "failed", "error": RunError(type="crashed", message="3 workers died")}, "failed: 3 workers died"),
        ({"state": "failed", "error": RunError(type="diverged", message="no number")}, "diverged: no number"),
        ({"state": "failed", "step": 10}, "failed at 50 %"),
    ],
)
def test_a_state_in_words(changes: dict[str, Any], words: str) -> None:
    assert state_in_words(record(SPEC, **changes)) == words


def test_the_sample_is_of_the_lowest_seed_that_succeeded() -> None:
    job = job_of(repeats=3)
    runs = [record(run.spec, run.index, sample=f"text {run.seed}") for run in records(job, [1, 1, 1])]
    runs[0] = record(runs[0].spec, 0, sample="bad", state="failed", error=RunError(type="diverged", message="x"))
    assert job_report("job-1", job, runs).variants[0].sample == "text 1"


def test_each_variant_at_its_own_best_rate() -> None:
    """Chosen by mean validation loss among values without failures."""
    job = job_of(training={"optimizer": {"kind": "sgd", "lr": 1}}, grid={LAYERS: [1, 2], LR: [1, 4, 9]}, repeats=2)
    runs = records(job, [1.0, 1.1, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 2.5, 2.5, 0.1, 0.1])
    runs[10] = record(runs[10].spec, 10, None, state="failed", error=RunError(type="diverged", message="x"))
    report = job_report("job-1", job, runs, [LR])
    assert [(variant.values[LAYERS], variant.values[LR]) for variant in report.variants] == [(1, 1), (2, 4)]
    assert len(report.comparison.pairs) == 1
    assert report.influence is not None
    assert [effect.path for effect in report.influence.effects] == [LAYERS]
    assert len(report.runs) == 4


@pytest.mark.parametrize("path", ["model.dropout", "lr", "training.seed", ""])
def test_only_what_the_grid_varies_is_tuned(path: str) -> None:
    with pytest.raises(InvalidRequest, match=r"tuned: .*use one of model\.layers") as refusal:
        report_of(job_of(grid={LAYERS: [1]}), [2.0], [path])
    assert [problem.path for problem in refusal.value.problems] == ["tuned"]


def test_runs_of_any_jobs_vary_where_their_specs_differ() -> None:
    first, second = records(job_of(grid={LAYERS: [1, 2]}), [1.0, 2.0])
    other = record(second.spec, 2, 2.5, job_id="job-2", corpus="copy")
    report = comparison_report([first, second, other])
    assert report.paths == [LAYERS]
    assert [variant.runs for variant in report.variants] == [["run-0"], ["run-1", "run-2"]]
    assert [row.job for row in report.runs] == ["job-1", "job-1", "job-2"]


def test_cells_of_other_kinds_have_other_paths() -> None:
    cells = [{"kind": "rnn"}, {"kind": "gru", "hidden": 8}]
    report = comparison_report(records(job_of(grid={"model.cell": cells}), [1.0, 2.0]))
    assert set(report.paths) == {f"model.cell.{name}" for name in ("kind", "hidden", "activation", "gates", "reset")}
    assert [variant.values.get("model.cell.reset") for variant in report.variants] == [None, "before"]


def test_curves_are_means_over_seeds() -> None:
    job = job_of(repeats=2)
    [curve] = report_of(job, [1.0, 2.0]).curves
    assert (curve.epochs, curve.validation_loss) == ([1, 2], [2.5, 1.5])


def test_long_curves_keep_their_ends() -> None:
    history = [evaluation(epoch, 1 / epoch) for epoch in range(1, 10_001)]
    [curve] = report_of(job_of(), [1.0], evaluations=history).curves
    assert len(curve.epochs) <= 201
    assert (curve.epochs[0], curve.epochs[-1]) == (1, 10_000)


def test_what_was_predicted_is_held_against_what_it_took() -> None:
    job = job_of(repeats=3)
    runs = records(job, [1, 1, 1], predicted_seconds=2.0, seconds=3.0)
    runs[2] = record(runs[2].spec, 2, predicted_seconds=None)
    timing = job_report("job-1", job, runs).timing
    assert timing is not None
    assert (timing.runs, timing.predicted_seconds, timing.actual_seconds) == (2, 4.0, 6.0)


def test_labels_are_short_and_different() -> None:
    assert short_names(["model.layers", LR]) == {"model.layers": "layers", LR: "lr"}
    assert short_names(["a.kind", "b.kind"]) == {"a.kind": "a.kind", "b.kind": "b.kind"}
    assert short_names(["a", "b.a"])["b.a"] == "b.a"
    assert [label(value) for value in (32, 0.01, True, None, [], ["reset", "update"], "before")] == [
        "32", "0.01", "true", "off", "none", "reset+update", "before"
    ]  # fmt: skip
