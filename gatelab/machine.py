"""What the machine has."""

import os
import shutil
from pathlib import Path

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where the kernel says how much a container may take: in version 2 and version 1 of control groups."""


def memory_bytes() -> int:
    """The memory that processes here may take: the machine's, or less where a container is given less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *(limit for file in CGROUP_LIMITS if (limit := _limit(file)) is not None)])


LEAST_FREE = 16 * 2**20
"""Bytes of a disk without which the database cannot write what a request or a checkpoint needs."""


def disk_obstacle(folder: Path) -> str | None:
    """Why nothing can be written to a folder, which need not be there yet; None if there is room."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free >= LEAST_FREE:
        return None
    return f"the disk of {folder} is full: {free / 2**20:.1f} MiB are free, at least {LEAST_FREE // 2**20} are needed"


def _limit(file: Path) -> int | None:
    """What a file says, if it is there and does not say that there is no limit."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
