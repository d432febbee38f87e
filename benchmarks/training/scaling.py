"""How much more threads help each contestant."""

import statistics
from collections.abc import Iterable, Iterator, Sequence

import torch

from benchmarks import tables
from benchmarks.interleaving import Gauge, in_turn, median_ratio
from benchmarks.tables import times
from benchmarks.training.contestants import TITLES, Task, contestants
from benchmarks.training.shapes import SIZES
from benchmarks.training.speed import gauge


def show(tasks: Iterable[tuple[str, Task]], threads: Sequence[int], rounds: int, seconds: float) -> None:
    """Print a row per task and contestant: its speeds, and the ratio of the last to the first."""
    header = ["cell", SIZES, "by", f"{threads[-1]} : {threads[0]}", *(f"{n} thread{'s' * (n > 1)}" for n in threads)]
    tables.show(header, (row for cell, task in tasks for row in _rows(cell, task, threads, rounds, seconds)))


def _rows(cell: str, task: Task, threads: Sequence[int], rounds: int, seconds: float) -> Iterator[list[object]]:
    steps = contestants(task)
    gauges = {(name, n): with_threads(n, gauge(task, step, seconds)) for name, step in steps.items() for n in threads}
    measured = in_turn(gauges, rounds)
    for name in steps:
        gain = times(median_ratio(measured[name, threads[-1]], measured[name, threads[0]]))
        speeds = [tables.speed(statistics.median(measured[name, n])) for n in threads]
        yield [cell, task.shape, TITLES.get(name, name), gain, *speeds]


def with_threads(number: int, gauge: Gauge) -> Gauge:
    """`gauge` while PyTorch and the native engine use `number` threads."""

    def measure() -> float:
        torch.set_num_threads(number)
        return gauge()

    return measure
