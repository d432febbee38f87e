"""What the output layer costs for large vocabularies: the native engine next to PyTorch."""

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import replace

from benchmarks import tables
from benchmarks.interleaving import in_turn, median_ratio
from benchmarks.tables import times
from benchmarks.training.contestants import NATIVE, REFERENCE, Step, Task, build, check
from benchmarks.training.shapes import SIZES, Shape, flops_per_token
from benchmarks.training.speed import gauge

VOCABULARIES = 256, 1024, 4096, 16_384
SHAPES = (Shape(256, 32, 32),)
"""A shape for which the logits of the largest vocabulary take 64 MB."""


def show(tasks: Iterable[tuple[str, Task]], threads: int, rounds: int, seconds: float) -> None:
    """Print a row for each task and vocabulary.

    Raises:
        Disagreement: the engines do not compute the same.
    """
    header = ["cell", SIZES, "tokens", "share of the head", "native : torch engine", "native", "torch engine"]
    tables.show(header, _rows(tasks, rounds, seconds))


def _rows(tasks: Iterable[tuple[str, Task]], rounds: int, seconds: float) -> Iterator[list[object]]:
    for cell, small in tasks:
        for vocabulary in VOCABULARIES:
            task = Task(small.cell, replace(small.shape, vocabulary=vocabulary))
            steps: dict[str, Step] = {name: step for name in (NATIVE, REFERENCE) if (step := build(task, name))}
            check(steps, task)
            speeds = in_turn({name: gauge(task, step, seconds) for name, step in steps.items()}, rounds)
            head = 6 * task.shape.hidden * vocabulary / flops_per_token(task.cell, task.shape)
            medians = (tables.speed(statistics.median(speeds[name])) for name in (NATIVE, REFERENCE))
            ratio = times(median_ratio(speeds[NATIVE], speeds[REFERENCE]))
            yield [cell, task.shape, vocabulary, f"{head:.0%}", ratio, *medians]
