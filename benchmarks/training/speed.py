"""Tokens per second of every contestant, side by side, and the share of the machine's peak that they reach."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import tables
from benchmarks.interleaving import (
    Gauge,
    in_turn,
    median_ratio,
    seconds_per_call,
)
from benchmarks.tables import times
from benchmarks.training import peaks
from benchmarks.training.contestants import PEERS, TITLES, Step, Task, check, contestants, engines
from benchmarks.training.shapes import SIZES, flops_per_token


@dataclass(frozen=True)
class Speeds:
    """The measurements of a task, round by round.

    Attributes:
        tokens_per_second: contestant -> its speeds.
        peaks: way of measuring -> FLOP/s. Shares refer to the first one.
    """

    cell: str
    task: Task
    tokens_per_second: Mapping[str, Sequence[float]]
    peaks: Mapping[str, Sequence[float]]

    def lead(self, name: str) -> float:
        """The speed of `name` divided by that of the fastest peer."""
        speeds = self.tokens_per_second
        return min(median_ratio(speeds[name], speeds[peer]) for peer in PEERS if peer in speeds)

    def describe(self, name: str) -> str | None:
        """The speed of `name`, and the share of the peak that its matrix products reach."""
        if name not in self.tokens_per_second:
            return None
        speeds, peak = self.tokens_per_second[name], next(iter(self.peaks.values()))
        share = flops_per_token(self.task.cell, self.task.shape) * median_ratio(speeds, peak)
        return f"{tables.speed(statistics.median(speeds))} ({share:.0%})"


def show(tasks: Iterable[tuple[str, Task]], threads: int, rounds: int, seconds: float) -> None:
    """Print a row per task. In brackets after a contestant's speed is its share of the peak.

    Raises:
        Disagreement: the contestants do not compute the same.
    """
    names = (*engines(), *PEERS)
    header = ["cell", SIZES, f"{names[0]} : faster peer", *(TITLES.get(n, n) for n in names)]
    measured = []

    def rows() -> Iterator[list[object]]:
        for cell, task in tasks:
            measured.append(found := measure(cell, task, threads, rounds, seconds))
            yield [cell, task.shape, times(found.lead(names[0])), *(found.describe(name) for name in names)]

    tables.show(header, rows())
    print(peaks_in_words(measured))


def measure(cell: str, task: Task, threads: int, rounds: int, seconds: float) -> Speeds:
    """Measure the speeds for a task, every contestant for `seconds` in each round."""
    steps = contestants(task)
    check(steps, task)
    gauges = {name: gauge(task, step, seconds) for name, step in steps.items()}
    ceilings = peaks.gauges(threads)
    measured = in_turn(gauges | ceilings, rounds)
    return Speeds(cell, task, {n: measured[n] for n in gauges}, {n: measured[n] for n in ceilings})


def gauge(task: Task, step: Step, seconds: float) -> Gauge:
    """Measures the tokens per second of a contestant."""
    batches = task.batches()
    return lambda: task.shape.tokens / seconds_per_call(lambda: step(next(batches)), seconds)


def peaks_in_words(measured: Sequence[Speeds]) -> str:
    """The medians of the peaks over all rounds."""
    names = list(measured[0].peaks)
    medians = {name: statistics.median(x for found in measured for x in found.peaks[name]) for name in names}
    words = ", ".join(f"{name} {flops / 1e9:.0f} GFLOP/s" for name, flops in medians.items())
    return words if peaks.FMA in names else f"{words}; shares are of this one: the native engine is not available"
