"""Rows: one for every run, and one for every variant, which is all runs that differ only in the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gatelab.reports.labels import identity, variant_label
from gatelab.reports.records import RunRecord
from gatelab.reports.report import (
    Averages,
    Curve,
    Interval,
    Measures,
    RunRow,
    Variant,
)
from gatelab.reports.statistics import mean_interval
from gatelab.wire.evaluations import perplexity

TIMES = frozenset({"seconds", "tokens_per_second"})
"""Measures of time."""

LONGEST_CURVE = 200
"""The most epochs of a curve; if there are more, these are evenly spread."""


@dataclass(frozen=True)
class Entry:
    """A run, with its value of every path that varies except the seed's."""

    run: RunRecord
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """The runs of one variant, by ascending seed."""

    values: Mapping[str, Any]
    runs: Sequence[RunRecord]

    @cached_property
    def distinct(self) -> Sequence[RunRecord]:
        """One run of each seed, since a seed is one sample: one that succeeded, if any did."""
        chosen: dict[int, RunRecord] = {}
        for run in self.runs:
            if run.seed not in chosen or (run.succeeded and not chosen[run.seed].succeeded):
                chosen[run.seed] = run
        return list(chosen.values())

    @property
    def succeeded(self) -> list[RunRecord]:
        """The distinct runs that succeeded."""
        return [run for run in self.distinct if run.succeeded]


def group(entries: Sequence[Entry]) -> list[Group]:
    """The variants, in the order in which they first occur."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(identity(entry.values), []).append(entry)
    return [Group(each[0].values, sorted((e.run for e in each), key=lambda run: run.seed)) for each in found.values()]


def run_row(entry: Entry) -> RunRow:
    run = entry.run
    return RunRow(
        run=run.id,
        job=run.job_id,
        index=run.index,
        seed=run.seed,
        values=entry.values,
        state=state_in_words(run),
        epoch=run.epoch,
        parameters=run.parameters,
        predicted_seconds=run.predicted_seconds,
        measures=measures(run),
        sample=run.sample,
    )


def variant(number: int, group: Group, names: Mapping[str, str]) -> Variant:
    """The row of a variant. Its averages are over the runs that succeeded."""
    best = group.succeeded or group.distinct
    measured = [measures(run) for run in group.succeeded]
    averages: dict[str, Interval | None] = {}
    for name in Measures.model_fields:
        values = [getattr(each, name) for each in measured]
        averages[name] = mean_interval([value for value in values if value is not None])
        if name in TIMES and any(run.trained_together > 1 for run in group.succeeded):
            averages[name] = _without_bounds(averages[name])
    return Variant(
        number=number,
        label=variant_label(group.values, names),
        values=group.values,
        runs=[run.id for run in group.runs],
        seeds=len(group.distinct),
        succeeded=len(group.succeeded),
        troubles=[f"seed {run.seed}: {state_in_words(run)}" for run in group.distinct if not run.succeeded],
        parameters=next((run.parameters for run in group.runs if run.parameters is not None), None),
        averages=Averages(**averages),
        sample=next((run.sample for run in best if run.sample is not None), None),
    )


def _without_bounds(interval: Interval | None) -> Interval | None:
    """Runs that were trained in lock-step share their time equally, so its variation was not measured."""
    return None if interval is None else interval.model_copy(update={"low": None, "high": None})


def measures(run: RunRecord) -> Measures:
    """The measurements of the run's latest evaluation."""
    last = run.last
    if last is None:
        return Measures(seconds=run.seconds, tokens_per_second=run.tokens_per_second)
    return Measures(
        train_perplexity=perplexity(last.train_loss),
        validation_perplexity=perplexity(last.validation_loss),
        test_perplexity=perplexity(last.test_loss),
        bits_per_character=last.bits_per_character,
        test_bits_per_character=last.test_bits_per_character,
        seconds=run.seconds,
        tokens_per_second=run.tokens_per_second,
    )


def state_in_words(run: RunRecord) -> str:
    """`succeeded`, `running 43 %`, `cancelled at 43 %`, `diverged at step 12 (epoch 2)`, `failed: why`."""
    if run.state == "failed" and run.error:
        if run.error.type != "diverged":
            return f"failed: {run.error.message}"
        if run.error.step is None:  # an earlier version wrote it only into the message
            return f"diverged: {run.error.message}"
        return f"diverged at step {run.error.step} (epoch {run.error.epoch})"
    if run.state != "succeeded" and run.total_steps and run.step:
        at = " at" if run.state in ("failed", "cancelled") else ""
        return f"{run.state}{at} {100 * run.step // run.total_steps} %"
    return run.state


def curve(number: int, group: Group) -> Curve:
    """Mean losses by epoch, over the runs that have not failed, or over all runs if all failed.

    If there are several evaluations in an epoch, the first one after that number of finished epochs counts.
    """
    runs = [run for run in group.distinct if run.state != "failed"] or group.distinct
    by_epoch: dict[int, list[tuple[float | None, float | None]]] = {}
    for run in runs:
        first = {at.epoch: at for at in reversed(run.evaluations)}
        for at in first.values():
            by_epoch.setdefault(at.epoch, []).append((at.train_loss, at.validation_loss))
    epochs = sorted(by_epoch)
    every = max(1, -(-len(epochs) // LONGEST_CURVE))
    kept = [epoch for place, epoch in enumerate(epochs) if place % every == 0 or epoch == epochs[-1]]
    return Curve(
        variant=number,
        epochs=kept,
        train_loss=[_mean([train for train, _ in by_epoch[epoch]]) for epoch in kept],
        validation_loss=[_mean([validation for _, validation in by_epoch[epoch]]) for epoch in kept],
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
