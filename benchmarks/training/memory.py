"""How much memory training steps take. Each contestant runs in a process of its own.

`python -m benchmarks.training.memory CONTESTANT CELL SHAPE THREADS` prints the bytes that the steps needed beyond what
the process held when its model and data were ready. It is the growth of VmHWM, Linux's peak of the resident set, which
is reset before the first step (getrusage's ru_maxrss, but not inherited from the parent).
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import torch

from benchmarks import tables
from benchmarks.training.contestants import PEERS, TITLES, Task, build, engines
from benchmarks.training.shapes import CELLS, SIZES, Shape

STEPS = 3
MIB = 2**20


def show(tasks: Iterable[tuple[str, Task]], threads: int) -> None:
    """Print a row per task, in MiB."""
    names = (*engines(), *PEERS)
    header = ["cell", SIZES, *(TITLES.get(name, name) for name in names)]
    rows = ([cell, task.shape, *(_measure(name, cell, task.shape, threads) for name in names)] for cell, task in tasks)
    tables.show(header, rows)


def _measure(name: str, cell: str, shape: Shape, threads: int) -> str | None:
    command = [sys.executable, "-m", __name__, name, cell, str(shape), str(threads)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return f"{int(answer) / MIB:.0f} MiB" if answer else None


def main(name: str, cell: str, shape: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    task = Task(CELLS[cell], Shape.parse(shape))
    step, batches = build(task, name), task.batches()
    if step is None:
        return
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): sets the peak to what is resident now
    before = peak()
    for _ in range(STEPS):
        step(next(batches))
    print(peak() - before)


def peak() -> int:
    """The largest resident set of this process so far, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found, "Linux says it"
    return int(found[1]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
