"""Where runs branch: runs that started from a checkpoint of another run."""

from collections.abc import Sequence

from gatelab.reports.records import Evaluation, RunRecord
from gatelab.reports.report import Branch
from gatelab.specs.changes import changes


def branches(runs: Sequence[RunRecord]) -> list[Branch]:
    """One for each run that started from another run, in the order of the runs.

    The differences and the later losses are known only if the other run is among the runs.
    """
    known = {run.id: run for run in runs}
    return [_branch(run, known.get(run.parent)) for run in runs if run.parent is not None]


def _branch(run: RunRecord, parent: RunRecord | None) -> Branch:
    assert run.parent is not None, "a branch grows from a run"
    there = _there(run, parent)
    return Branch(
        run=run.id,
        parent=run.parent,
        step=run.parent_step,
        continues=run.spec.start is not None and run.spec.start.what == "everything",
        changes=None if parent is None else changes(parent.spec, run.spec),
        epoch=there.epoch if there else None,
        loss_there=there.validation_loss if there else None,
        parent_loss=parent.last.validation_loss if parent and parent.last else None,
        loss=run.last.validation_loss if run.last else None,
    )


def _there(run: RunRecord, parent: RunRecord | None) -> Evaluation | None:
    """The parent's last evaluation before the branch."""
    if parent is None or run.parent_step is None:
        return None
    before = [each for each in parent.evaluations if each.step <= run.parent_step]
    return before[-1] if before else None
