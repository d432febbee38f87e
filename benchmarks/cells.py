"""Cells of equations in the native engine: their speed next to PyTorch's, and how long the compiler takes.

python -m benchmarks.cells [--threads 1] [--rounds 5] [--seconds 0.2] [--hidden 32 128] [--cells gru lstm]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence

import torch

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.interleaving import in_turn, median_ratio
from benchmarks.tables import times
from benchmarks.training.contestants import NATIVE, REFERENCE, Task, build
from benchmarks.training.shapes import SIZES, Shape
from benchmarks.training.speed import gauge
from gatelab.equations.zoo import zoo
from gatelab.scan import native
from gatelab.scan.native.compile import code_of
from gatelab.specs import EquationsSpec

BATCH, STEPS = 1024, 32


def spec_of(name: str) -> EquationsSpec:
    return EquationsSpec(kind="equations", name=name, equations=zoo()[name].equations)


def compiled(names: Sequence[str]) -> Iterator[list[object]]:
    """Seconds that the compiler takes for each cell, into a new folder; almost none for cells in the library itself."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GATELAB_CELL_CACHE"] = folder
        for name in names:
            begun = time.perf_counter()
            code_of(spec_of(name).representation, native.load())
            yield [name, f"{time.perf_counter() - begun:.1f}"]


def beside(tasks: Sequence[tuple[str, Mapping[str, Task], Sequence[str]]], arguments: argparse.Namespace) -> None:
    """Print a row per (cell, name -> task, engines): how many times as fast the first engine is as the second."""

    def rows() -> Iterator[list[object]]:
        for cell, named, engines in tasks:
            gauges = {}
            for (name, task), engine in zip(named.items(), engines, strict=True):
                step = build(task, engine)
                assert step is not None
                gauges[name] = gauge(task, step, arguments.seconds)
            measured = in_turn(gauges, arguments.rounds)
            first, second = measured.values()
            shape = next(iter(named.values())).shape
            speeds = [tables.speed(statistics.median(each)) for each in (first, second)]
            yield [cell, shape, times(median_ratio(first, second)), *speeds]

    names = list(tasks[0][1])
    tables.show(["cell", SIZES, " : ".join(names), *names], rows())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cells", description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of both engines")
    parser.add_argument("--rounds", type=int, default=5, help="rounds whose median is printed")
    parser.add_argument("--seconds", type=float, default=0.2, help="how long an engine is measured in a round")
    parser.add_argument("--hidden", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--cells", nargs="+", choices=sorted(zoo()), default=sorted(zoo()), metavar="CELL")
    arguments = parser.parse_args()
    warn_if_busy()
    torch.set_num_threads(arguments.threads)
    shapes = [Shape(hidden, BATCH, STEPS) for hidden in arguments.hidden]
    tables.show(["cell", "seconds of the compiler"], list(compiled(arguments.cells)))
    everything = [
        (name, {"native": Task(spec_of(name), shape), "PyTorch": Task(spec_of(name), shape)}, [NATIVE, REFERENCE])
        for name in arguments.cells
        for shape in shapes
    ]
    beside(everything, arguments)


if __name__ == "__main__":
    main()
