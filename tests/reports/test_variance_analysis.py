"""Main effects and shares of the variance, against numbers calculated by hand."""

import itertools
import math

import numpy as np
import pytest

from gatelab.reports.build import job_report
from gatelab.reports.report import Influence, Report
from gatelab.wire.runs import RunError
from tests.reports.records import job_of, record, records, report_of

LAYERS, HIDDEN = "model.layers", "model.cell.hidden"


def influence(report: Report) -> Influence:
    assert report.influence is not None
    return report.influence


def test_a_table_of_two_by_two_by_hand() -> None:
    """Losses 1, 3 / 4, 10: the grand mean is 4.5 and the sum of squares 45.

    Rows have means 2 and 7 (25 of it), columns 2.5 and 6.5 (16); what is left, 4, is their interaction.
    """
    found = influence(report_of(job_of(grid={LAYERS: [1, 2], HIDDEN: [8, 16]}), [1, 3, 4, 10]))
    assert [effect.loss_share for effect in found.effects] == pytest.approx([25 / 45, 16 / 45])
    assert found.loss_rest is not None
    assert found.loss_rest.interactions == pytest.approx(4 / 45)
    assert found.loss_rest.seeds is None
    [rows, columns] = found.effects
    assert [(level.value, level.runs, level.validation_loss) for level in rows.levels] == [(1, 2, 2.0), (2, 2, 7.0)]
    assert [level.validation_perplexity for level in columns.levels] == pytest.approx([math.exp(2.5), math.exp(6.5)])


def test_repeats_tell_seeds_from_interactions() -> None:
    """The same table, each cell twice with 0.5 more and less: 45 * 2 between the cells, 8 * 0.25 within."""
    losses = [value + noise for value in (1, 3, 4, 10) for noise in (-0.5, 0.5)]
    found = influence(report_of(job_of(grid={LAYERS: [1, 2], HIDDEN: [8, 16]}, repeats=2), losses))
    assert found.loss_rest is not None
    assert found.loss_rest.seeds == pytest.approx(2 / 92)
    assert found.loss_rest.interactions == pytest.approx(8 / 92)
    assert [effect.loss_share for effect in found.effects] == pytest.approx([50 / 92, 32 / 92])


def test_shares_of_a_full_grid_are_the_variance_between_its_means(random: np.random.Generator) -> None:
    grid = {LAYERS: [1, 2, 3], HIDDEN: [8, 16], "training.batch_size": [1, 2, 3, 4]}
    losses = random.normal(3, 1, (3, 2, 4))
    found = influence(report_of(job_of(grid=grid), losses.ravel().tolist()))
    for axis, effect in enumerate(found.effects):
        means = losses.mean(axis=tuple({0, 1, 2} - {axis}))
        assert effect.loss_share == pytest.approx(means.var() / losses.var())
    assert found.loss_rest is not None
    assert sum(effect.loss_share or 0 for effect in found.effects) + found.loss_rest.interactions == pytest.approx(1)


def test_runs_that_failed_are_left_out_and_counted() -> None:
    job = job_of(grid={LAYERS: [1, 2], HIDDEN: [8, 16]}, repeats=2)
    runs = records(job, [1, 1.1, 3, 3.1, 4, 4.1, 10, 10.1])
    runs[6] = record(runs[6].spec, 6, None, state="failed", error=RunError(type="diverged", message="x"))
    found = influence(job_report("job-1", job, runs))
    assert (found.runs, found.excluded) == (7, 1)


def test_an_unbalanced_table_has_type_two_sums_of_squares() -> None:
    """Those of statsmodels 0.15.0: `anova_lm(ols("y ~ C(a) + C(b)", data).fit(), typ=2)`."""
    job = job_of(grid={LAYERS: [1, 2], HIDDEN: [8, 16, 32]}, repeats=2)
    values = [1.0, 1.4, 2.0, 2.6, 3.9, 3.1, 2.2, 2.9, 4.8, 4.1, 7.0, 6.2]
    runs = records(job, values)
    for index in (1, 4, 10):
        runs[index] = record(runs[index].spec, index, None, state="failed", error=RunError(type="error", message="x"))
    found = influence(job_report("job-1", job, runs))
    kept = np.delete(values, [1, 4, 10])
    total = float(((kept - kept.mean()) ** 2).sum())
    expected = [10.3405128205 / total, 11.0208461538 / total]
    assert [effect.loss_share for effect in found.effects] == pytest.approx(expected, abs=1e-9)
    assert found.loss_rest is not None
    assert found.loss_rest.interactions + (found.loss_rest.seeds or 0) == pytest.approx(1.3586538462 / total, abs=1e-9)


def test_seconds_have_shares_of_their_own() -> None:
    job = job_of(grid={LAYERS: [1, 2], HIDDEN: [8, 16]})
    runs = [
        record(run.spec, run.index, 1.0 + run.spec.model.layers, seconds=float(run.spec.model.cell.hidden))
        for run in records(job, [0] * 4)
    ]
    found = influence(job_report("job-1", job, runs))
    assert [effect.loss_share for effect in found.effects] == pytest.approx([1, 0])
    assert [effect.seconds_share for effect in found.effects] == pytest.approx([0, 1])
    assert [level.seconds for level in found.effects[1].levels] == [8, 16]


def test_without_variance_there_is_nothing_to_share() -> None:
    found = influence(report_of(job_of(grid={LAYERS: [1, 2]}), [2.0, 2.0]))
    assert [effect.loss_share for effect in found.effects] == [None]
    assert found.loss_rest is None


@pytest.mark.parametrize("grid", [{}, {"training.seed": [0, 1, 2]}])
def test_where_nothing_varies_there_is_no_influence(grid: dict[str, list[int]]) -> None:
    count = math.prod(map(len, grid.values()))
    assert report_of(job_of(grid=grid), [2.0] * count).influence is None


def test_objects_are_values_like_others() -> None:
    cells = [{"kind": "rnn"}, {"kind": "gru", "gates": []}, {"kind": "lstm"}]
    losses = [a + b for a, b in itertools.product([1, 2, 3], [0, 5])]
    found = influence(report_of(job_of(grid={"model.cell": cells, LAYERS: [1, 2]}), losses))
    assert [level.value for level in found.effects[0].levels] == cells
    assert [level.validation_loss for level in found.effects[0].levels] == [3.5, 4.5, 5.5]
