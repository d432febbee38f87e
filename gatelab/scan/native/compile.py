"""The code of a cell: the library's own, or compiled once for this machine and kept in a folder for later use.

The compiled code is generated from a graph (`generate.py`), so no text of a user reaches the compiler. The compiler is
bounded in time, memory and output, and the folder in its size.
"""

import ctypes
import hashlib
import os
import platform
import re
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock

import structlog

from gatelab.equations import Representation
from gatelab.equations.cpp.generate import generate
from gatelab.scan.native import build
from gatelab.scan.native.compilations import Compilation, note
from gatelab.scan.native.interface import ABI, PRECISIONS, Code
from gatelab.scan.native.library import Library, Unavailable
from gatelab.settings import cell_cache, may_compile_cells
from gatelab.specs.training import Precision

SECONDS = 120
"""Seconds of processor time that a compiler may take: twenty times what published cells need."""
PATIENCE = 300
"""Seconds after which the compiler is stopped, however busy the machine is."""
MEMORY = 4 * 2**30
"""Bytes of memory that the compiler may use."""
LARGEST = 32 * 2**20
"""Bytes of a library, and of any file that the compiler writes."""
ROOM = 256 * 2**20
"""The most bytes in the folder. The least recently used libraries are deleted first."""

log = structlog.get_logger(__name__)

_NAME = re.compile(r"[0-9a-f]{64}")
_Key = tuple[str, str, str]
_loaded: dict[_Key, "CellCode | Unavailable"] = {}
_locks: defaultdict[_Key, Lock] = defaultdict(Lock)


class CellCode:
    """The loaded code of a cell for one precision and instruction set. It stays loaded as long as the process."""

    def __init__(self, code: "ctypes._Pointer[Code]") -> None:
        self.code = code

    @classmethod
    def of_library(cls, path: Path) -> "CellCode":
        """The code of a library of one cell."""
        library = ctypes.CDLL(str(path))
        library.gatelab_code.restype = ctypes.POINTER(Code)
        return cls(library.gatelab_code())


def code_of(representation: Representation, library: Library, precision: Precision = "fp32") -> CellCode:
    """The cell's code for the processor of `library`: from the library, this process, the folder, or a compiler.

    Raises:
        Unavailable: the library does not compute in the precision, there is no compiler, it failed, or the folder
            cannot be used.
    """
    if precision not in library.precisions:
        raise Unavailable(f"it has no {precision} on this processor (its build is for {library.instructions})")
    if (known := library.known(representation.digest, precision)) is not None:
        return CellCode(known)
    key = representation.digest, precision, library.instructions
    with _locks[key]:
        if key not in _loaded:
            try:
                _loaded[key] = _code_of(representation, library.instructions, precision)
            except Unavailable as reason:
                # A compilation that failed once would fail again, after the same time.
                _loaded[key] = reason
        found = _loaded[key]
    if isinstance(found, Unavailable):
        raise Unavailable(str(found))
    return found


def _code_of(representation: Representation, instructions: str, precision: Precision) -> CellCode:
    try:
        compiler = build.find_compiler()
    except build.NotBuilt:
        raise Unavailable("there is no C++ compiler, which a cell of equations needs") from None
    source = generate(representation)
    command = [compiler, *flags(instructions, precision)]
    try:
        folder = _own_folder(cell_cache())
    except RuntimeError:
        raise Unavailable("there is no folder for the compiled code of cells; set GATELAB_CELL_CACHE to one") from None
    key = _digest([source, *command, _version(compiler)])
    path = folder / f"{key}.so"
    try:
        with build.alone(folder / f"lock-{key[0]}"):
            if (code := _opened(path)) is None:
                if not may_compile_cells():
                    raise Unavailable("the cell is not compiled yet, and GATELAB_COMPILE_CELLS turns compiling off")
                note(Compilation(representation.digest, precision, _compile(command, source, path)))
                code = _opened(path)
                _bound(folder, keep=path)
    except OSError as error:
        raise Unavailable(f"the code of the cell cannot be kept in {folder}: {error}") from error
    if code is None:
        raise Unavailable("the compiler's code for the cell cannot be loaded")
    return code


def flags(instructions: str, precision: Precision) -> list[str]:
    """The compiler's options."""
    machine = "aarch64" if instructions == "aarch64" else "x86_64"
    brain = [build.BRAIN] if PRECISIONS[precision] else []
    return [*build.cell_flags(), *build.INSTRUCTIONS[machine][instructions], *brain, "-shared"]


def _compile(command: Sequence[str], source: str, target: Path) -> float:
    """Returns the seconds that it took."""
    partial = target.with_suffix(f".{os.getpid()}.part")
    blocks = LARGEST // 512
    limits = f"ulimit -t {SECONDS}; ulimit -v {MEMORY // 1024}; ulimit -f {blocks}; " if os.name == "posix" else ""
    # The shell sets the limits and then becomes the compiler, so that no Python code runs between fork and exec.
    whole = ["/bin/sh", "-c", f'{limits}exec "$@"', "sh", *command, "-x", "c++", "-", "-o", str(partial)]
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "SDKROOT") if name in os.environ}
    environment["TMPDIR"] = str(target.parent)
    begun = time.monotonic()
    try:
        _run(whole, source, environment)
        if partial.stat().st_size > LARGEST:
            raise Unavailable(f"the cell's code has more than {LARGEST} bytes")
        target.with_suffix(".sum").write_text(_stamp(partial))
        partial.replace(target)
        seconds = time.monotonic() - begun
        log.info("compiled a cell of equations", seconds=round(seconds, 1))
        return seconds
    finally:
        partial.unlink(missing_ok=True)


def _run(command: Sequence[str], source: str, environment: dict[str, str]) -> None:
    """
    Raises:
        Unavailable: the compiler failed, or took too long.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            _, said = process.communicate(source, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"the compiler took more than {PATIENCE} seconds for the cell") from None
        finally:
            # The compiler starts other processes, which must not outlive it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise Unavailable(f"the compiler failed for the cell: {said[-500:]}")


def _opened(path: Path) -> CellCode | None:
    """The library at `path`; None if it is missing, damaged or built from other sources."""
    try:
        # Checked before it is opened: a damaged library may end the process, and an open one cannot be loaded again.
        if path.with_suffix(".sum").read_text() != _stamp(path):
            return None
        os.utime(path)
        code = CellCode.of_library(path)
    except (OSError, AttributeError, UnicodeDecodeError):
        return None
    return code if code.code and code.code.contents.abi == ABI else None


def _stamp(path: Path) -> str:
    """The content of the stamp beside a library: the version of the interface, and a digest of its bytes."""
    return f"{ABI} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _own_folder(folder: Path) -> Path:
    """A folder that no other user can write to, since code in it is run.

    Raises:
        Unavailable: other users can write to it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise Unavailable(f"the folder for the code of cells cannot be made: {error}") from error
    if os.name == "posix" and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        raise Unavailable(
            f"{folder} is writable by other users, so code in it is not run; set GATELAB_CELL_CACHE to another folder"
        )
    return folder


def _bound(folder: Path, keep: Path) -> None:
    """Delete the least recently used libraries until the others fit."""
    found = []
    for path in folder.glob("*.so"):
        with suppress(OSError):
            found.append((path.stat().st_mtime, path.stat().st_size, path))
    size = 0
    for _, bytes_, path in sorted(found, reverse=True):
        size += bytes_
        if size > ROOM and path != keep and _NAME.fullmatch(path.stem):
            path.unlink(missing_ok=True)
            path.with_suffix(".sum").unlink(missing_ok=True)


@cache
def _version(compiler: str) -> str:
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False, timeout=30)
    return done.stdout


@cache
def _headers() -> str:
    digest = hashlib.sha256()
    for path in sorted(build.SOURCE.rglob("*.h*")):
        digest.update(str(path.relative_to(build.SOURCE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _digest(words: Sequence[str]) -> str:
    return hashlib.sha256("\0".join([_headers(), platform.machine(), *words]).encode()).hexdigest()
