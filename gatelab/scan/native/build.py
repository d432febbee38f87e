"""Building the native engine: one shared library for each instruction set of this kind of processor.

The package's build (`hatch_build.py`) runs this when nothing is installed yet, so it imports only `gatelab.equations`,
from its own folder. The code of the classic cells is generated from their equations.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
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
    # Multiply-adds are fused, but nothing is reordered, so that sums are equal in every build and block.
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fPIC",
    "-fvisibility=hidden",
    "-pthread",
]

CELL_LEVEL = "-O2"
"""The optimization level for the code of cells. All levels give the same numbers."""

BRAIN = "-DGATELAB_BRAIN"
"""Makes code of cells for bfloat16."""

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
    """Build what is missing or out of date, after any other process that is building. Returns the libraries.

    Raises:
        NotBuilt: no C++ compiler, one that failed, or a processor without a build.
    """
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if machine not in INSTRUCTIONS:
        raise NotBuilt(f"the native engine has no build for {machine}; training uses PyTorch alone")
    compiler = find_compiler()
    cells = known_cells()
    digest = _digest([compiler, *FLAGS, CELL_LEVEL, cells, str(INSTRUCTIONS[machine])])
    libraries = {name: LIBRARIES / f"gatelab-{name}.so" for name in INSTRUCTIONS[machine]}
    stamp = LIBRARIES / "built-from"
    LIBRARIES.mkdir(exist_ok=True)
    with alone(LIBRARIES / "lock"):
        if stamp.exists() and stamp.read_text() == digest and all(path.exists() for path in libraries.values()):
            return list(libraries.values())
        stamp.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            _build(compiler, INSTRUCTIONS[machine], libraries, Path(folder), cells)
        stamp.write_text(digest)
        return list(libraries.values())


def known_cells() -> str:
    """The source of the cells that the library contains."""
    sys.path.insert(0, str(HERE.parents[2]))
    try:
        from gatelab.equations import families, read
        from gatelab.equations.cpp.generate import generate_known
    finally:
        sys.path.pop(0)
    return generate_known([read(text) for text in families.classic()])


def cell_flags() -> list[str]:
    """The compiler's options for the code of cells, in addition to the instruction set."""
    return [*(CELL_LEVEL if flag == "-O3" else flag for flag in FLAGS), f"-I{SOURCE}"]


def _build(
    compiler: str, instructions: dict[str, list[str]], libraries: dict[str, Path], folder: Path, cells: str
) -> None:
    """Compile everything, with one job per processor, and link the libraries."""
    (folder / "cells.cpp").write_text(cells)
    jobs: list[tuple[str, list[str]]] = []
    objects: dict[str, list[Path]] = {name: [] for name in instructions}
    for name, flags in instructions.items():
        of_cells = [*cell_flags(), *flags, str(folder / "cells.cpp")]
        commands = [of_cells, *([BRAIN, *of_cells] for _ in range("bf16" in name))]
        commands += [[*FLAGS, *flags, str(path)] for path in sorted(SOURCE.glob("*.cpp"))]
        for command in commands:
            target = folder / f"{name}-{len(objects[name])}.o"
            objects[name].append(target)
            jobs.append((libraries[name].name, [compiler, *command, "-c", "-o", str(target)]))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # Results are taken in order, so that the first failure is reported.
        list(pool.map(lambda job: _run(*job), jobs))
    for name, target in libraries.items():
        partial = target.with_suffix(f".{os.getpid()}.part")
        try:
            _run(target.name, [compiler, *FLAGS, "-shared", *map(str, objects[name]), "-o", str(partial)])
            # A process that has the old library open keeps it.
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time, if the system has such locks. They end with the process."""
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


def _run(what: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotBuilt(f"{command[0]} failed for {what}; training uses PyTorch alone:\n{done.stderr[-2000:]}")


def _digest(words: list[str]) -> str:
    digest = hashlib.sha256("\0".join(words).encode())
    for path in sorted(SOURCE.rglob("*.[ch]*")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        # `cells`: the source of the library's cells alone, for `scripts/sanitize`.
        print(known_cells() if sys.argv[1:] == ["cells"] else "\n".join(map(str, build())))
    except NotBuilt as reason:
        sys.exit(str(reason))
