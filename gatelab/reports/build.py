"""From records to a report."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gatelab.errors import InvalidRequest
from gatelab.reports.branches import branches
from gatelab.reports.comparability import warnings
from gatelab.reports.comparison import compare
from gatelab.reports.hyperparameters import (
    SEED,
    Values,
    of_grid,
    that_differ,
)
from gatelab.reports.labels import identity, short_names
from gatelab.reports.records import RunRecord
from gatelab.reports.report import Report, Timing
from gatelab.reports.variance_analysis import influence
from gatelab.reports.variants import Entry, Group, curve, group, run_row, variant
from gatelab.specs.job import JobSpec

METHODS = (
    "Numbers are those of the last epoch, not of the best one. A row with several seeds shows the mean over those that"
    " succeeded, and its 95 % confidence interval by Student's t distribution over the seeds. A seed counts once.",
    "Perplexity is exp(mean cross entropy per token). Train perplexity is the mean over the last epoch's batches, each"
    " before its step; validation and test perplexity are measured after the epoch. Bits per character are those of"
    " the validation text.",
    "Seconds include training and evaluation, but not waiting, preparing and saving; tokens/s are training tokens per"
    " second of training alone. Runs that were trained in lock-step share their time equally, so it has no interval.",
)


def job_report(job_id: str, job: JobSpec, runs: Sequence[RunRecord], tuned: Sequence[str] = ()) -> Report:
    """The report of a job with these runs, one row for each grid point.

    Runs that differ only in the seed are one point. Among points that differ only in the values of the `tuned` paths,
    the report shows the one with the lowest validation loss: each variant is compared at its own best learning rate.

    Raises:
        InvalidRequest: a path of `tuned` is not varied by the grid.
    """
    paths = [path for path in job.grid if path != SEED]
    for path in tuned:
        if path not in paths:
            allowed = f"use one of {', '.join(paths)}" if paths else "it has none"
            raise InvalidRequest.at("tuned", f"{path!r} is not a path of this job's grid; {allowed}")
    entries = _entries(runs, of_grid(paths, runs))
    entries = _best_of_each(entries, tuned) if tuned else entries
    return _report(f"Report: {job.name}", entries, paths, tuned, job_id, job.model_dump(mode="json"))


def comparison_report(runs: Sequence[RunRecord]) -> Report:
    """The report of any runs, with one row for runs that differ only in the seed."""
    paths, values = that_differ(runs)
    return _report("Comparison", _entries(runs, values), paths, (), None, None)


def _entries(runs: Sequence[RunRecord], values: Sequence[Values]) -> list[Entry]:
    return [Entry(run, each) for run, each in zip(runs, values, strict=True)]


def _report(
    title: str,
    entries: Sequence[Entry],
    paths: Sequence[str],
    tuned: Sequence[str],
    job_id: str | None,
    spec: Mapping[str, Any] | None,
) -> Report:
    runs = [entry.run for entry in entries]
    groups = group(entries)
    names = short_names(paths)
    varied = [path for path in paths if path not in tuned and all(path in entry.values for entry in entries)]
    best = min(range(len(groups)), key=lambda number: _rank(groups[number]))
    return Report(
        title=title,
        job=job_id,
        spec=spec,
        corpora={text.name: text.sha256 for run in runs for text in run.corpora},
        devices=sorted({run.device for run in runs if run.device}),
        states=Counter(run.state for run in runs),
        paths=paths,
        tuned=tuned,
        best=best if groups[best].succeeded else None,
        warnings=warnings(runs),
        variants=[variant(number, each, names) for number, each in enumerate(groups)],
        runs=[run_row(entry) for entry in entries],
        comparison=compare(groups, tuned),
        influence=influence(groups, varied),
        curves=[curve(number, each) for number, each in enumerate(groups)],
        branches=branches(runs),
        timing=_timing(runs),
        methods=METHODS,
    )


def _best_of_each(entries: Sequence[Entry], tuned: Sequence[str]) -> list[Entry]:
    """The runs of the best variant of those that differ only in `tuned`."""
    chosen: dict[str, Group] = {}
    for each in group(entries):
        key = identity({path: value for path, value in each.values.items() if path not in tuned})
        chosen[key] = min(chosen.get(key, each), each, key=_rank)
    kept = {run.id for each in chosen.values() for run in each.runs}
    return [entry for entry in entries if entry.run.id in kept]


def _rank(group: Group) -> tuple[float, float]:
    """The better, the less: where fewer runs failed, then where the mean validation loss is lower."""
    losses = [run.last.validation_loss for run in group.succeeded if run.last and run.last.validation_loss is not None]
    return len(group.distinct) - len(losses), sum(losses) / len(losses) if losses else math.inf


def _timing(runs: Sequence[RunRecord]) -> Timing | None:
    both = [
        (run.predicted_seconds, run.seconds)
        for run in runs
        if run.succeeded and run.predicted_seconds is not None and run.seconds is not None
    ]
    if not both:
        return None
    return Timing(
        runs=len(both), predicted_seconds=sum(each for each, _ in both), actual_seconds=sum(each for _, each in both)
    )
