"""A worker's report on a run, which is written in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, insert

from gatelab.store.states import State
from gatelab.store.tables import metrics, samples
from gatelab.wire.evaluations import Evaluation, Sample, Summary
from gatelab.wire.events import JobEvent
from gatelab.wire.runs import RunError


@dataclass(frozen=True)
class Best:
    """A checkpoint of the evaluation after `step`, the lowest in validation loss of its run so far."""

    step: int
    epoch: int
    data: bytes


@dataclass(frozen=True)
class Report:
    """The position of a run, its measurements since the last report, and its next state.

    None leaves what is stored as it is.

    Args:
        step: optimizer steps since the run began.
        parameters: number of trainable parameters.
        device: the name of the device that trains it.
        engine: the engine that trains it: native, torch or triton.
        weights_sha256: digest of the weights after `step`.
        summary: the latest evaluation.
        checkpoint: bytes from which training resumes bit-identically after `step`.
        keep_checkpoints: the number of latest checkpoints that stay.
        keep_best: whether the checkpoint of the lowest validation loss stays too.
        best: a new one, at or before `step`. Its evaluation is in this report.
        events: the events; the store adds the run.
        next_state: None continues. `queued` ends the slice, so that others get their turn; if a user asked for it, the
            run is cancelled or paused instead. `paused` stops for a requested pause.
        error: why the run failed.
    """

    step: int
    epoch: int
    total_steps: int | None = None
    parameters: int | None = None
    device: str | None = None
    engine: str | None = None
    weights_sha256: str | None = None
    metrics: Sequence[Evaluation] = ()
    samples: Sequence[Sample] = ()
    summary: Summary | None = None
    checkpoint: bytes | None = None
    keep_checkpoints: int = 3
    keep_best: bool = False
    best: Best | None = None
    events: Sequence[JobEvent] = ()
    next_state: State | None = None
    error: RunError | None = None


def run_columns(report: Report) -> dict[str, Any]:
    """The columns of the run that a report sets."""
    columns = {
        "step": report.step,
        "epoch": report.epoch,
        "total_steps": report.total_steps,
        "parameters": report.parameters,
        "device": report.device,
        "engine": report.engine,
        "weights_sha256": report.weights_sha256,
        "metrics": None if report.summary is None else report.summary.stored(),
        "sample": report.samples[-1].stored() if report.samples else None,
        "error": None if report.error is None else report.error.stored(),
    }
    return {name: value for name, value in columns.items() if value is not None}


def write_rows(connection: Connection, run_id: str, report: Report) -> None:
    """
    Raises:
        IntegrityError: this step already exists.
    """
    tables: tuple[tuple[Table, Sequence[Evaluation] | Sequence[Sample]], ...] = (
        (metrics, report.metrics),
        (samples, report.samples),
    )
    for table, rows in tables:
        if rows:
            columns = set(table.c.keys())
            values = [{"run_id": run_id, **row.model_dump(include=columns)} for row in rows]
            connection.execute(insert(table), values)
