"""Finding and loading the build of the native engine for this processor.

`build.py` makes one shared library for each instruction set, into the folder `lib` beside this file. The best one that
the processor can run is loaded, once per process.
"""

import ctypes
import platform
from collections.abc import Iterator
from ctypes import c_char_p, c_double, c_int, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path

from gatelab.errors import Interrupted, InvalidInput
from gatelab.scan.native.interface import ABI, PRECISIONS, Code, Member, Shape, Texts, Update, floats

FOLDER = Path(__file__).parent / "lib"

_V4 = frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})
FEATURES = {
    "x86-64-v4-bf16": _V4 | {"avx512_bf16"},
    "x86-64-v4": _V4,
    "x86-64-v3": frozenset({"avx2", "fma", "bmi1", "bmi2", "f16c", "movbe"}),
    "aarch64": frozenset({"asimd"}),
}
"""Instruction set -> the features that the processor must have for it, best first."""


class Unavailable(Exception):
    """The native engine cannot be used here; the message says why."""


class Library:
    """A loaded build.

    Attributes:
        instructions: the instruction set that it is built for.
        precisions: the precisions of `TrainingSpec` in which it computes.
    """

    def __init__(self, path: Path) -> None:
        self.instructions = path.stem.removeprefix("gatelab-")
        self._library = ctypes.CDLL(str(path))
        self._library.gatelab_abi.restype = c_int32
        if self._library.gatelab_abi() != ABI:
            raise Unavailable(f"{path.name} was built from the sources of another version; install Gatelab again")
        self._library.gatelab_read.argtypes = [
            ctypes.POINTER(Shape),
            ctypes.POINTER(Member),
            c_int32,
            c_int32,
            ctypes.POINTER(c_int32),
        ]
        self._library.gatelab_update.argtypes = [ctypes.POINTER(Update), c_int32]
        self._library.gatelab_decoder_new.argtypes = [ctypes.POINTER(Shape), floats, c_int32, ctypes.POINTER(c_void_p)]
        self._library.gatelab_decoder_free.argtypes = [c_void_p]
        self._library.gatelab_decoder_free.restype = None
        self._library.gatelab_decoder_bytes.argtypes = [c_void_p]
        self._library.gatelab_decoder_bytes.restype = c_int64
        self._library.gatelab_decode.argtypes = [ctypes.POINTER(Texts), c_int32, c_int32, c_int32]
        self._library.gatelab_explain.argtypes = [c_int]
        self._library.gatelab_explain.restype = c_char_p
        self._library.gatelab_has.argtypes = [c_int32]
        self._library.gatelab_has.restype = c_int32
        self._library.gatelab_peak.argtypes = [c_int32, c_int32, c_double]
        self._library.gatelab_peak.restype = c_double
        self._library.gatelab_digest.argtypes = [c_int32]
        self._library.gatelab_digest.restype = c_char_p
        self._library.gatelab_known.argtypes = [c_int32, c_int32]
        self._library.gatelab_known.restype = ctypes.POINTER(Code)
        self._known = {digest: number for number, digest in enumerate(self._digests())}
        self.precisions = frozenset(name for name, number in PRECISIONS.items() if self._library.gatelab_has(number))

    def _digests(self) -> Iterator[str]:
        number = 0
        while (digest := self._library.gatelab_digest(number)) is not None:
            yield digest.decode()
            number += 1

    def known(self, digest: str, precision: str) -> "ctypes._Pointer[Code] | None":
        """The code of a cell that it contains, by the digest of its representation; None if it has none."""
        if digest not in self._known:
            return None
        return self._library.gatelab_known(self._known[digest], PRECISIONS[precision]) or None

    def read(
        self, shape: Shape, members: "ctypes.Array[Member]", threads: int, interrupted: c_int32 | None = None
    ) -> None:
        """Read with each member, and differentiate those that have room for a gradient.

        Args:
            interrupted: another thread sets its value to 1 to end the call early.

        Raises:
            InvalidInput: a size is wrong; nothing was touched.
            MemoryError: there is not enough memory.
            Interrupted: the call was stopped early and has no results.
        """
        self._check(self._library.gatelab_read(shape, members, len(members), threads, interrupted))

    def update(self, updates: "ctypes.Array[Update]") -> None:
        """Take a step of an optimizer for each of `updates`.

        Raises:
            InvalidInput: an argument is wrong; nothing was touched.
        """
        self._check(self._library.gatelab_update(updates, len(updates)))

    def new_decoder(self, shape: Shape, parameters: "ctypes._Pointer[ctypes.c_float]", forbidden: int) -> int:
        """The address of a decoder of these parameters, which are copied. It lives until `free_decoder`.

        Raises:
            InvalidInput: a size is wrong.
            MemoryError: there is not enough memory.
        """
        address = c_void_p()
        self._check(self._library.gatelab_decoder_new(shape, parameters, forbidden, address))
        assert address.value is not None
        return address.value

    def free_decoder(self, address: int) -> None:
        self._library.gatelab_decoder_free(address)

    def decoder_bytes(self, address: int) -> int:
        """Bytes of memory that a decoder takes."""
        return int(self._library.gatelab_decoder_bytes(address))

    def decode(self, texts: "ctypes.Array[Texts]", steps: int, threads: int) -> None:
        """Read a token and choose the next one, `steps` times, for each stream of each model.

        Raises:
            InvalidInput: an argument is wrong; nothing was touched.
            MemoryError: there is not enough memory.
        """
        self._check(self._library.gatelab_decode(texts, len(texts), steps, threads))

    def peak(self, precision: str, threads: int, seconds: float) -> float:
        """The speed limit of the processor in products, in floating-point operations per second.

        0 if this build does not compute in the precision.
        """
        return float(self._library.gatelab_peak(PRECISIONS[precision], threads, seconds))

    def _check(self, error: int) -> None:
        if error:
            message = self._library.gatelab_explain(error).decode()
            if message == "out of memory":
                raise MemoryError("the native engine is out of memory")
            if message == "interrupted":
                raise Interrupted("the computation was interrupted")
            raise InvalidInput.at("native engine", message)


@cache
def load() -> Library:
    """The library for this processor.

    Raises:
        Unavailable: no compiler was found when Gatelab was installed, or the processor is not supported.
    """
    if not runnable():
        raise Unavailable(f"no build for this processor ({platform.machine()})")
    for instructions in runnable():
        path = FOLDER / f"gatelab-{instructions}.so"
        if path.exists():
            return _open(path)
    raise Unavailable("it was not built: no C++ compiler was found when Gatelab was installed")


def runnable() -> list[str]:
    """The instruction sets that this processor has, best first."""
    return [name for name, needed in FEATURES.items() if needed <= _features()]


def _open(path: Path) -> Library:
    try:
        return Library(path)
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be loaded: {error}") from error


@cache
def _features() -> frozenset[str]:
    """The features of the processor, by Linux's names."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        # macOS: every Apple processor has NEON.
        return frozenset({"asimd"} if platform.machine() == "arm64" else ())
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()
