"""Records of invented runs."""

import math
from collections.abc import Sequence
from typing import Any

from gatelab.reports.build import job_report
from gatelab.reports.records import Evaluation, RunRecord
from gatelab.reports.report import Report
from gatelab.specs import JobSpec, RunSpec, parse
from gatelab.sweeps import numbered

SHA256 = "ab" * 32


def evaluation(epoch: int, loss: float | None, test_loss: float | None = None) -> Evaluation:
    bits = None if loss is None else loss / math.log(2)
    return Evaluation(epoch, 10 * epoch, loss, loss, test_loss, bits, test_loss, float(epoch))


def record(spec: RunSpec, index: int = 0, loss: float | None = 2.0, **changes: Any) -> RunRecord:
    """A run that succeeded after two epochs with this final loss."""
    fields: dict[str, Any] = {
        "id": f"run-{index}",
        "job_id": "job-1",
        "index": index,
        "job_runs": 0,
        "state": "succeeded",
        "spec": spec,
        "corpus_id": "corpus-1",
        "corpus": "book",
        "corpus_sha256": SHA256,
        "parameters": 1000,
        "total_steps": 20,
        "step": 20,
        "epoch": 2,
        "device": "cpu",
        "predicted_seconds": 1.5,
        "seconds": 2.0,
        "tokens_per_second": 5000.0,
        "trained_together": 1,
        "error": None,
        "sample": "it has been",
        "evaluations": [evaluation(1, None if loss is None else loss + 1), evaluation(2, loss)],
    }
    return RunRecord(**fields | changes)


def job_of(**fields: Any) -> JobSpec:
    return parse(JobSpec, {"corpus": "book"} | fields)


def records(job: JobSpec, losses: Sequence[float | None], **changes: Any) -> list[RunRecord]:
    """The runs of a job with these final losses, in their order."""
    specs = numbered(job, 10_000)
    runs = zip(specs.items(), losses, strict=True)
    return [record(spec, index, loss, **{"job_runs": len(specs)} | changes) for (index, spec), loss in runs]


def report_of(job: JobSpec, losses: Sequence[float | None], tuned: Sequence[str] = (), **changes: Any) -> Report:
    return job_report("job-1", job, records(job, losses, **changes), tuned)
