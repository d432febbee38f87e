"""Rows of raw results, one for each run, and the records that reports are made of."""

import json
import math
from collections.abc import Sequence
from typing import Any

from benchmarks.published.files import Row
from benchmarks.published.training import Trained
from gatelab.reports.records import Evaluation, RunRecord
from gatelab.specs import JobSpec, RunSpec
from gatelab.specs.resolved import as_json, field_at
from gatelab.sweeps import numbered
from gatelab.training.failures import error_of
from gatelab.wire.runs import RunError

LOSSES = ("train_loss", "validation_loss", "test_loss", "bits_per_character", "test_bits_per_character")
"""Columns of the last evaluation: nats per token, and bits per character."""

MEASURED = (
    "state",
    "parameters",
    "epoch",
    *LOSSES,
    "seconds",
    "tokens_per_second",
    "trained_together",
    "error",
    "sample",
)
"""Numbers in full precision, times in seconds; error and sample as JSON."""


def specs(job: JobSpec) -> dict[int, RunSpec]:
    """The runs of a job by their indexes."""
    return numbered(job, 10_000)


def names(job: JobSpec) -> list[str]:
    """The columns that say which run a row is of."""
    return ["index", "seed", "corpus_sha256", *job.grid]


def named(job: JobSpec, index: int, spec: RunSpec, corpus_sha256: str) -> dict[str, str]:
    """The columns that say which run it is: its seed, its text, and its values of the grid as JSON."""
    values = {path: json.dumps(as_json(field_at(spec, path))) for path in job.grid}
    return {"index": str(index), "seed": str(spec.training.seed), "corpus_sha256": corpus_sha256[:12]} | values


def measured(spec: RunSpec, trained: Trained) -> dict[str, str]:
    """The columns of its results."""
    at, last, how = trained.trainer.position, trained.last, spec.training.sample
    speed = at.tokens / at.training_seconds if at.training_seconds else None
    found: dict[str, Any] = {
        "state": "failed" if trained.error else "succeeded",
        "parameters": len(trained.trainer.member.parameters),
        "epoch": at.epoch,
        "seconds": at.seconds,
        "tokens_per_second": speed,
        "trained_together": trained.together,
    }
    if last is not None:
        for name in LOSSES:
            found[name] = getattr(last, name)
    if trained.error:
        found["error"] = json.dumps(error_of(trained.error).stored())
    if last is not None and last.sample is not None and how is not None:
        found["sample"] = json.dumps(how.prefix + last.sample)
    return {name: _cell(found.get(name)) for name in MEASURED}


def _cell(value: Any) -> str:
    """Empty where nothing was measured, or no finite number."""
    return "" if value is None or (isinstance(value, float) and not math.isfinite(value)) else str(value)


def records(job: JobSpec, rows: Sequence[Row]) -> list[RunRecord]:
    """The runs of a job as a report wants them, each with its last evaluation.

    Raises:
        ValueError: a row names another run than the job has at this index.
    """
    runs = specs(job)
    found = []
    for row in rows:
        index = int(row["index"])
        if index not in runs or any(row[name] != value for name, value in _names(job, row, runs[index]).items()):
            raise ValueError(f"row {index} is of no run of {job.name}: its seed or values are others")
        found.append(_record(job, row, runs[index], len(runs)))
    return found


def _names(job: JobSpec, row: Row, spec: RunSpec) -> dict[str, str]:
    return named(job, int(row["index"]), spec, row["corpus_sha256"])


def _record(job: JobSpec, row: Row, spec: RunSpec, job_runs: int) -> RunRecord:
    numbers = {name: float(row[name]) if row[name] else None for name in (*LOSSES, "seconds", "tokens_per_second")}
    evaluation = Evaluation(
        epoch=int(row["epoch"]),
        step=0,
        train_loss=numbers["train_loss"],
        validation_loss=numbers["validation_loss"],
        test_loss=numbers["test_loss"],
        bits_per_character=numbers["bits_per_character"],
        test_bits_per_character=numbers["test_bits_per_character"],
        seconds=numbers["seconds"],
    )
    return RunRecord(
        id=row["index"],
        job_id=job.name,
        index=int(row["index"]),
        job_runs=job_runs,
        state=row["state"],
        spec=spec,
        corpus_id=row["corpus_sha256"],
        corpus=job.texts.train,
        corpus_sha256=row["corpus_sha256"],
        parameters=int(row["parameters"]),
        total_steps=None,
        step=0,
        epoch=evaluation.epoch,
        device="cpu",
        predicted_seconds=None,
        seconds=numbers["seconds"],
        tokens_per_second=numbers["tokens_per_second"],
        trained_together=int(row["trained_together"]),
        error=RunError.model_validate_json(row["error"]) if row["error"] else None,
        sample=json.loads(row["sample"]) if row["sample"] else None,
        evaluations=[evaluation] if row["train_loss"] else [],
    )
