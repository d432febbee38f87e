"""How much faster the native engine is with bfloat16 than in single precision."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from benchmarks import tables
from benchmarks.interleaving import in_turn, median_ratio
from benchmarks.tables import times
from benchmarks.training.contestants import Task, native_step
from benchmarks.training.shapes import SIZES, flops_per_token
from benchmarks.training.speed import gauge
from gatelab.scan import native
from gatelab.specs.training import Precision

PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
SECONDS = 0.2


def show(tasks: Iterable[tuple[str, Task]], threads: int, rounds: int, seconds: float) -> None:
    """Print a row per task; in brackets, the speed as a share of the peak of its precision.

    Raises:
        Unavailable: the native engine has no bfloat16 on this processor.
    """
    if "bf16" not in native.load().precisions:
        raise native.Unavailable("this processor has no AVX512-BF16")
    peaks: dict[Precision, list[float]] = {precision: [] for precision in PRECISIONS}
    header = ["cell", SIZES, "bf16 : fp32", *PRECISIONS]
    tables.show(header, _rows(tasks, threads, rounds, seconds, peaks))
    print("peaks: " + ", ".join(f"{name} {statistics.median(of) / 1e9:.0f} GFLOP/s" for name, of in peaks.items()))


def _rows(
    tasks: Iterable[tuple[str, Task]],
    threads: int,
    rounds: int,
    seconds: float,
    peaks: dict[Precision, list[float]],
) -> Iterator[list[object]]:
    for cell, task in tasks:
        speeds = {precision: gauge(task, native_step(task, precision), seconds) for precision in PRECISIONS}
        ceilings = {("peak", p): partial(native.load().peak, p, threads, SECONDS) for p in PRECISIONS}
        measured = in_turn({**speeds, **ceilings}, rounds)
        for precision in PRECISIONS:
            peaks[precision] += measured["peak", precision]
        ratio = times(median_ratio(measured["bf16"], measured["fp32"]))
        yield [cell, task.shape, ratio, *(_describe(task, measured[p], measured["peak", p]) for p in PRECISIONS)]


def _describe(task: Task, speeds: Sequence[float], peaks: Sequence[float]) -> str:
    share = flops_per_token(task.cell, task.shape) * median_ratio(speeds, peaks)
    return f"{tables.speed(statistics.median(speeds))} ({share:.0%})"
