"""From records to a report."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from gatelab.errors import InvalidRequest
from gatelab.reports.comparability import warnings
from gatelab.reports.comparison import compare
from gatelab.reports.influence import influence
from gatelab.reports.labels import identity, short_names
from gatelab.reports.model import Report, Timing
from gatelab.reports.records import RunRecord
from gatelab.reports.variants import SEED, Entry, Group, curve, group, run_row, variant
from gatelab.specs.job import JobSpec
from gatelab.sweeps import points

METHODS = (
    "Numbers are of the last epoch, not of the best one. A row with several runs shows the mean over those that"
    " succeeded and its 95 % confidence interval by Student's t distribution over the seeds.",
    "Perplexity is exp(mean cross entropy per token). Train perplexity is over the last epoch's batches, each before"
    " its step; validation and test perplexity are of the model after the epoch. Bits per character are of the"
    " validation text.",
    "Seconds are of training and evaluation, without waiting, preparing and saving; tokens/s are training tokens per"
    " second of training alone.",
)


def job_report(job_id: str, job: JobSpec, runs: Sequence[RunRecord], tuned: Sequence[str] = ()) -> Report:
    """The report of a job with these runs, one row a grid point. Runs of unequal seeds alone are one point.

    Of the points that differ by their values of the `tuned` paths alone, only the one of the lowest validation loss is
    reported: so variants are compared each at its own best learning rate.

    Raises:
        InvalidRequest: a path of `tuned` is none that the grid varies.
    """
    paths = [path for path in job.grid if path != SEED]
    for path in tuned:
        if path not in paths:
            allowed = f"use one of {', '.join(paths)}" if paths else "it has none"
            raise InvalidRequest.at("tuned", f"{path!r} is no path of this job's grid; {allowed}")
    entries = [
        Entry(run, {path: point[path] for path in paths}) for run, point in zip(runs, _points(job, runs), strict=True)
    ]
    entries = _best_of_each(entries, tuned) if tuned else entries
    return _report(f"Report: {job.name}", entries, paths, tuned, job_id, job.model_dump(mode="json"))


def comparison_report(runs: Sequence[RunRecord]) -> Report:
    """The report of any runs, one row for those that differ by their seeds alone."""
    # The corpus is compared by its text: two names may stand for the same.
    flat = [dict(_flat(run.spec.model_dump(mode="json"))) | {"corpus": run.corpus_sha256[:12]} for run in runs]
    paths = [
        path
        for path in dict.fromkeys(path for each in flat for path in each)
        if path != SEED and len({identity(each.get(path)) for each in flat}) > 1
    ]
    entries = [
        Entry(run, {path: each[path] for path in paths if path in each}) for run, each in zip(runs, flat, strict=True)
    ]
    return _report("Comparison", entries, paths, (), None, None)


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
        corpora={run.corpus: run.corpus_sha256 for run in runs},
        devices=sorted({run.device for run in runs if run.device}),
        states=Counter(run.state for run in runs),
        paths=paths,
        tuned=tuned,
        best=best if groups[best].succeeded else None,
        warnings=warnings(runs),
        variants=[variant(number, each, names) for number, each in enumerate(groups)],
        runs=[run_row(entry) for entry in entries],
        comparison=compare(groups),
        influence=influence(groups, varied),
        curves=[curve(number, each) for number, each in enumerate(groups)],
        timing=_timing(runs),
        methods=METHODS,
    )


def _best_of_each(entries: Sequence[Entry], tuned: Sequence[str]) -> list[Entry]:
    """The runs of the best variant of all those that differ by `tuned` alone."""
    chosen: dict[str, Group] = {}
    for each in group(entries):
        key = identity({path: value for path, value in each.values.items() if path not in tuned})
        chosen[key] = min(chosen.get(key, each), each, key=_rank)
    kept = {run.id for each in chosen.values() for run in each.runs}
    return [entry for entry in entries if entry.run.id in kept]


def _rank(group: Group) -> tuple[float, float]:
    """The better, the less: where fewer runs failed, then where the mean validation loss is lower."""
    losses = [run.last.validation_loss for run in group.succeeded if run.last and run.last.validation_loss is not None]
    return len(group.runs) - len(losses), sum(losses) / len(losses) if losses else math.inf


def _points(job: JobSpec, runs: Sequence[RunRecord]) -> Iterator[dict[str, Any]]:
    """The grid point of each run. Runs are ordered by their index, of which a job has all."""
    return islice((point for point in points(job) for _ in range(job.repeats)), len(runs))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of nested objects, each by its dotted path."""
    if not isinstance(value, Mapping):
        yield path, value
        return
    for name, inner in value.items():
        yield from _flat(inner, f"{path}.{name}" if path else name)


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
