"""A ceiling on a process's memory, with a cgroup of version 2, if this machine allows it (as root)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def ceiling(process: int, mebibytes: int) -> Iterator[str]:
    """Limit the memory of a process and of those that it starts. Yields a description of how it is limited.

    Memory that the process already has is not counted. RLIMIT_AS would count the stacks of threads and mapped files.
    """
    group = _new_group()
    if group is None:
        yield f"resident memory is measured, and more than {mebibytes} MiB is a fault (no cgroup v2 is available)"
        return
    (group / "memory.max").write_text(str(mebibytes * 2**20))
    (group / "cgroup.procs").write_text(str(process))
    try:
        yield f"the service is in a cgroup v2 with memory.max of {mebibytes} MiB"
    finally:
        with suppress(OSError):
            (group.parent / "cgroup.procs").write_text(str(process))
            group.rmdir()


def _new_group() -> Path | None:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, folder, kind, *_ = line.split()
        group = Path(folder) / f"gatelab-hostile-{os.getpid()}"
        if kind != "cgroup2":
            continue
        with suppress(OSError):
            group.mkdir()
            if (group / "memory.max").exists():
                return group
            group.rmdir()
    return None
