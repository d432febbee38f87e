"""The memory, disk, cores and GPU drivers of the machine."""

import ctypes
import os
import shutil
from pathlib import Path

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""The files in which the kernel gives a container's limit: version 2 and version 1 of control groups."""


def memory_bytes() -> int:
    """The memory that processes here may use: that of the machine, or of the container if that is less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *(limit for file in CGROUP_LIMITS if (limit := _limit(file)) is not None)])


LEAST_FREE = 16 * 2**20
"""Free bytes of a disk that the database needs to write a request or a checkpoint."""


def disk_obstacle(folder: Path) -> str | None:
    """Why nothing can be written to a folder, which need not exist yet; None if there is room."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free >= LEAST_FREE:
        return None
    return f"the disk of {folder} is full: {free / 2**20:.1f} MiB are free, at least {LEAST_FREE // 2**20} are needed"


def _limit(file: Path) -> int | None:
    """The limit in a file; None if the file is missing or sets no limit."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


GPU_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))
"""The device files of GPU drivers: NVIDIA's, that of Windows for Linux on it, and AMD's."""


def has_gpu_driver() -> bool:
    """Whether the driver of a GPU is installed. The GPU itself may still be missing."""
    if any(device.exists() for device in GPU_DEVICES):
        return True
    try:
        ctypes.CDLL("libcuda.so.1")  # NVIDIA's small machines have it without the device file
    except OSError:
        return False
    return True


def cores() -> int:
    """The number of threads to compute with: OMP_NUM_THREADS if set, or else one for each core of this process."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    # macOS gives all cores to all processes, and does not say so.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
