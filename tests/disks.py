"""Small disks, which a test can fill without filling the machine's disk."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

NO_SMALL_DISK = "this process may not mount a file system"


@cache
def can_mount() -> bool:
    """Whether this process can mount a file system, in a mount namespace of its own."""
    if shutil.which("unshare") is None or not Path("/proc/self/ns/mnt").exists():
        return False
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return os.geteuid() == 0 and subprocess.run(trial, capture_output=True).returncode == 0


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of `size` bytes in memory, mounted on a new folder until the end of the block."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        # Lazily: a connection to the database may still be open.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill a disk to the last byte. Returns the file that takes the space."""
    file = folder / "filling"
    with file.open("ab", buffering=0) as writing:
        for size in (2**20, 2**12):
            try:
                while writing.write(bytes(size)) == size:
                    pass
            except OSError:  # no block of this size is left
                continue
    return file
