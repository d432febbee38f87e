"""Safetensors files in memory.

The format: eight bytes with the length of a header in JSON, the header, and the bytes of the arrays without a gap. The
library copies arrays while no other thread can run: once to read a file, three times to write one. For a large
checkpoint that takes tens of milliseconds, in which a service answers nobody.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

METADATA = "__metadata__"
ALIGNMENT = 8
"""Spaces fill the header up to a multiple of these bytes."""
MOST_HEADER_BYTES = 100 * 2**20
"""As in the library."""
TYPES: Mapping[str, np.dtype[Any]] = {
    name: np.dtype(code)
    for name, code in {
        "BOOL": "?",
        "U8": "<u1",
        "I8": "<i1",
        "I16": "<i2",
        "U16": "<u2",
        "F16": "<f2",
        "I32": "<i4",
        "U32": "<u4",
        "F32": "<f4",
        "F64": "<f8",
        "I64": "<i8",
        "U64": "<u8",
    }.items()
}
"""numpy has no others. They are in the order of the library, which writes arrays of the last type first."""
_NAMES = {kind: name for name, kind in TYPES.items()}
_ORDER = {kind: place for place, kind in enumerate(TYPES.values())}


def write_arrays(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """The file that the library writes, byte by byte, for arrays of the types in `TYPES`.

    Raises:
        KeyError: an array has another type.
    """
    names = sorted(arrays, key=lambda name: (-_ORDER[arrays[name].dtype], name))
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    end = 0
    for name in names:
        array = arrays[name]
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": array.shape, "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    # Every array is copied once, from memory in its layout.
    parts = (np.asarray(arrays[name], order="C").data.cast("B") for name in names if arrays[name].size)
    return b"".join((len(text).to_bytes(8, "little"), text, *parts))


def read_arrays(data: bytes, prefix: str = "") -> dict[str, Array]:
    """The arrays of a file whose names begin with a prefix, each in its own memory.

    Where the others lie is checked, too, but they are not copied.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: it is not a safetensors file.
    """
    header, begin = _header(data)
    bytes_of = memoryview(data)[begin:]
    arrays = {}
    end = 0
    for name, entry, first, last in sorted(_entries(header), key=lambda found: found[2:]):
        kind, shape = TYPES[entry["dtype"]], tuple(_whole(size) for size in entry["shape"])
        if first != end or last - first != kind.itemsize * math.prod(shape):
            raise ValueError(f"the offsets of {name[:100]!r} do not match its type and shape, or are out of order")
        if name.startswith(prefix):
            # While numpy copies a large array, other threads run.
            arrays[name] = np.frombuffer(bytes_of[first:last], kind).reshape(shape).copy()
        end = last
    if end != len(bytes_of):
        raise ValueError(f"its header describes {end} bytes of arrays, but it has {len(bytes_of)}")
    return arrays


def read_metadata(data: bytes) -> dict[str, Any]:
    """The metadata of a file.

    Raises:
        ValueError: there is none, or the header has a name twice, which two readers could interpret differently.
    """
    metadata = _header(data)[0].get(METADATA)
    if not isinstance(metadata, dict):
        raise ValueError("it has no metadata")  # noqa: TRY004 - as of all other damage
    return metadata


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for `object_pairs_hook`.

    Raises:
        ValueError: it has a name twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("its header has the same name twice")
    return found


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """The header, and the offset of the arrays' bytes."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(len(data) - 8, MOST_HEADER_BYTES):
        raise ValueError("it is shorter than its header says")
    header = json.loads(data[8 : 8 + size], object_pairs_hook=once)
    if not isinstance(header, dict):
        raise ValueError("its header is not an object")  # noqa: TRY004 - as of all other damage
    return header, 8 + size


def _entries(header: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], int, int]]:
    for name, entry in header.items():
        if name != METADATA:
            first, last = entry["data_offsets"]
            yield name, entry, _whole(first), _whole(last)


def _whole(number: Any) -> int:
    if type(number) is not int or not 0 <= number < 2**63:
        raise ValueError(f"not a size: {str(number)[:100]}")
    return number
