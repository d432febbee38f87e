"""Runs and jobs as rows of a table."""

from gatelab.client.formatting import (
    cell,
    count,
    duration,
    number,
)
from gatelab.client.models import Job, Run

RUN_COLUMNS = (
    "run", "cell", "hidden", "state", "epoch", "train ppl", "valid ppl", "bits/char", "seconds", "tokens/s"
)  # fmt: skip


def run_row(run: Run) -> list[str]:
    """The cells of a run under `RUN_COLUMNS`."""
    metrics = run.metrics
    hidden = run.spec.get("model", {}).get("cell", {}).get("hidden", "-")
    return [
        run.id,
        cell(run.spec),
        str(hidden),
        run.state,
        str(run.epoch),
        number(metrics.train_perplexity),
        number(metrics.validation_perplexity),
        number(metrics.bits_per_character, ".3f"),
        number(metrics.seconds, ".1f"),
        count(metrics.tokens_per_second),
    ]


JOB_COLUMNS = ("job", "name", "state", "runs", "done", "failed", "progress", "left")


def job_row(job: Job) -> list[str]:
    """The cells of a job under `JOB_COLUMNS`."""
    return [
        job.id,
        job.name,
        job.state,
        str(job.runs.total),
        str(job.runs.finished),
        str(job.runs.failed),
        f"{job.progress:.0%}",
        duration(job.eta_seconds),
    ]
