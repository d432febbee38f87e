"""Memory and processor time of an installation's processes, after the start and after a first run.

python -m benchmarks.processes [--threads 1]
"""

import argparse
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.installation import installation
from gatelab.client.api import Gatelab
from gatelab.specs import JobSpec, parse

MIB = 2**20
TEXT = "the time machine, by h. g. wells. the time traveller was expounding a recondite matter to us. " * 20
JOB: dict[str, Any] = {
    "corpus": "processes",
    "model": {"cell": {"kind": "gru", "hidden": 64}},
    "training": {"epochs": 3, "batch_size": 8, "sample": {"prefix": "the ", "characters": 100}},
}
ROLES = {"service": "service", "worker": "worker"}
"""Name of a process here -> the module that it runs with Python's -m."""


@dataclass(frozen=True)
class Taken:
    """A process's resident MiB, the same with shared pages divided among processes, and seconds of processor time."""

    resident: float
    share: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the worker's child")
    arguments = parser.parse_args()
    warn_if_busy()
    with installation(arguments.threads) as gatelab:
        started = measured()
        train(gatelab)
        trained = measured()
    for when, found in (("after the start", started), ("after a run", trained)):
        print(f"\n{when}:\n")
        tables.show(["process", "MiB resident", "MiB, shared pages divided", "seconds of the processor"], rows(found))


def train(gatelab: Gatelab) -> None:
    gatelab.add_corpus("processes", TEXT)
    job = gatelab.wait(gatelab.submit(parse(JobSpec, JOB)).id)
    [run] = gatelab.runs(job.id)
    if run.state != "succeeded":
        raise RuntimeError(f"the run {run.state}: {run.error}")
    print(f"engine: {run.engine}")


def rows(found: Mapping[str, Taken]) -> Iterator[list[object]]:
    for name, taken in found.items():
        yield [name, f"{taken.resident:.0f}", f"{taken.share:.0f}", f"{taken.seconds:.1f}"]
    worker = [taken for name, taken in found.items() if "worker" in name]
    resident, share, seconds = (sum(getattr(each, field) for each in worker) for field in Taken.__annotations__)
    yield ["worker and child", f"{resident:.0f}", f"{share:.0f}", f"{seconds:.1f}"]


def measured() -> dict[str, Taken]:
    """The processes of this benchmark's installation, with the worker's child."""
    found: dict[str, Taken] = {}
    while "worker's child" not in found:  # it starts after the service
        parents = {process: role for process in descendants(os.getpid()) if (role := role_of(process))}
        found = {}
        for process, role in sorted(parents.items()):
            name = "worker's child" if role == "worker" and parent_of(process) in parents else role
            found[name] = taken_by(process)
        time.sleep(0.1)
    return found


def descendants(process: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        each = int(folder.name)
        if parent_of(each) == process:
            yield each
            yield from descendants(each)


def parent_of(process: int) -> int | None:
    try:
        return int(fields(process)[1])
    except OSError:
        return None


def role_of(process: int) -> str | None:
    try:
        arguments = Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return None
    return next((role for role, module in ROLES.items() if ("-m", module) in pairwise(arguments)), None)


def taken_by(process: int) -> Taken:
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    resident, share = (
        int(re.findall(rf"^{name}:\s+(\d+) kB", rollup, re.MULTILINE)[0]) * 1024 / MIB for name in ("Rss", "Pss")
    )
    user, system = fields(process)[11:13]
    return Taken(resident, share, (int(user) + int(system)) / os.sysconf("SC_CLK_TCK"))


def fields(process: int) -> list[str]:
    """The fields of proc(5)'s stat, beginning with the state."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


if __name__ == "__main__":
    main()
