"""Building the native engine: one shared library for each instruction set of this kind of processor.

Run by the package's build (`hatch_build.py`) and by nothing else at run time; it imports nothing of Gatelab.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HERE = Path(__file__).parent
SOURCE, LIBRARIES = HERE / "source", HERE / "lib"

FLAGS = [
    "-std=c++17",
    "-O3",
    # Multiply-adds are fused; nothing is reordered, so that sums come out the same in every build and block.
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-pthread",
]

INSTRUCTIONS: dict[str, dict[str, list[str]]] = {
    "x86_64": {
        "x86-64-v4-bf16": ["-march=x86-64-v4", "-mavx512bf16", "-mprefer-vector-width=512"],
        "x86-64-v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
        "x86-64-v3": ["-march=x86-64-v3"],
    },
    "aarch64": {"aarch64": []},
}
"""Processor -> instruction set -> flags."""


class NotBuilt(Exception):
    """There is no compiler, or it failed; the message says what to do."""


def build() -> list[Path]:
    """Make what is missing or out of date, after any other process that is at it. Returns the libraries.

    Raises:
        NotBuilt: no C++ compiler, one that failed, or a processor without a build.
    """
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if machine not in INSTRUCTIONS:
        raise NotBuilt(f"the native engine has no build for {machine}; training uses PyTorch alone")
    compiler = find_compiler()
    digest = _digest([compiler, *FLAGS, str(INSTRUCTIONS[machine])])
    libraries = {name: LIBRARIES / f"gatelab-{name}.so" for name in INSTRUCTIONS[machine]}
    stamp = LIBRARIES / "built-from"
    LIBRARIES.mkdir(exist_ok=True)
    with alone(LIBRARIES / "lock"):
        if stamp.exists() and stamp.read_text() == digest and all(path.exists() for path in libraries.values()):
            return list(libraries.values())
        stamp.unlink(missing_ok=True)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: _compile(compiler, INSTRUCTIONS[machine][name], libraries[name]), libraries))
        stamp.write_text(digest)
        return list(libraries.values())


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time, where the system has such locks. They end with the process."""
    with path.open("w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def find_compiler() -> str:
    """The C++ compiler that CXX names, or the system's.

    Raises:
        NotBuilt: there is none.
    """
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        if name and (path := shutil.which(name)):
            return path
    raise NotBuilt(
        "no C++ compiler was found: training uses PyTorch alone, which is several times slower. "
        "Install one (Debian, Ubuntu: apt-get install g++) and install Gatelab again"
    )


def _compile(compiler: str, flags: list[str], target: Path) -> None:
    partial = target.with_suffix(f".{os.getpid()}.part")
    command = [compiler, *FLAGS, *flags, *map(str, sorted(SOURCE.glob("*.cpp"))), "-o", str(partial)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        partial.unlink(missing_ok=True)
        raise NotBuilt(f"{compiler} failed for {target.name}; training uses PyTorch alone:\n{done.stderr[-2000:]}")
    # A process that has the old library open keeps it.
    partial.replace(target)


def _digest(words: list[str]) -> str:
    digest = hashlib.sha256("\0".join(words).encode())
    # Not `equations`, which is the libraries' of cells.
    for path in sorted(SOURCE.glob("*.[ch]*")) + sorted(SOURCE.glob("cells/*")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        print(*build(), sep="\n")
    except NotBuilt as reason:
        sys.exit(str(reason))
