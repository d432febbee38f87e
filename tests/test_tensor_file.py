"""Gatelab's reader and writer of safetensors files against the library's."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gatelab.tensor_file import TYPES, read_arrays, read_metadata, write_arrays
from tests.randomized import random, seed

__all__ = ["random", "seed"]

FAULTS = (ValueError, KeyError, TypeError, RecursionError)
SHAPES = [(), (0,), (1,), (3, 5), (0, 4), (2, 1, 3)]


def some_arrays(random: np.random.Generator) -> dict[str, NDArray[Any]]:
    return {
        f"{kind}.{shape}": random.integers(0, 2, shape).astype(dtype)
        for kind, dtype in TYPES.items()
        for shape in SHAPES
    }


def test_arrays_are_those_of_the_library(random: np.random.Generator) -> None:
    data = save(some_arrays(random), {"who": "we"})
    found, expected = read_arrays(data), load(data)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array, strict=True)
    assert read_metadata(data) == {"who": "we"}


def test_only_arrays_that_are_asked_for_are_copied_and_all_are_checked(random: np.random.Generator) -> None:
    arrays = {"a.x": random.normal(size=7), "b.x": random.normal(size=7), "a.y": random.normal(size=3)}
    data = save(arrays)
    found = read_arrays(data, "a.")
    assert found.keys() == {"a.x", "a.y"}
    np.testing.assert_array_equal(found["a.x"], arrays["a.x"])
    short = data.replace(b'"shape":[7]', b'"shape":[6]')
    for prefix in ("a.", "b.", "c."):
        with pytest.raises(ValueError, match="do not match its type and shape"):
            read_arrays(short, prefix)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ARRAYS = st.dictionaries(NAMES, st.tuples(st.sampled_from(sorted(TYPES)), st.sampled_from(SHAPES)), max_size=8)


@given(ARRAYS, st.dictionaries(NAMES, NAMES, max_size=1), st.integers(0, 2**32))
def test_a_file_has_the_bytes_that_the_library_writes(
    asked: dict[str, tuple[str, tuple[int, ...]]], metadata: dict[str, str], seed: int
) -> None:
    random = np.random.default_rng(seed)
    arrays = {
        name: np.asarray(random.integers(0, 2, shape)).astype(TYPES[kind]) for name, (kind, shape) in asked.items()
    }
    assert write_arrays(arrays, metadata) == (save(arrays, metadata) if metadata else save(arrays))


def test_an_array_is_written_in_its_layout(random: np.random.Generator) -> None:
    array = random.normal(size=(3, 4, 5))
    for turned in (array.T, array[:, ::2], np.asfortranarray(array), np.broadcast_to(array[0], (2, 4, 5))):
        np.testing.assert_array_equal(load(write_arrays({"a": turned}, {}))["a"], turned, strict=True)


def test_a_type_without_a_name_is_not_written() -> None:
    with pytest.raises(KeyError):
        write_arrays({"a": np.zeros(2, dtype=np.complex64)}, {})


def test_arrays_have_memory_of_their_own(random: np.random.Generator) -> None:
    data = save({"a": random.normal(size=7), "b": random.normal(size=7)})
    found = read_arrays(data)
    found["a"][:] = 0
    np.testing.assert_array_equal(found["b"], load(data)["b"])
    np.testing.assert_array_equal(read_arrays(data)["a"], load(data)["a"])


FILE = save({"a": np.arange(6.0).reshape(2, 3), "b": np.arange(4, dtype=np.int64)}, {"x": "y"})


@given(at=st.integers(0, len(FILE) - 1), byte=st.integers(0, 255), end=st.integers(0, len(FILE) + 8))
def test_a_damaged_file_is_refused_or_read_as_the_library_reads_it(at: int, byte: int, end: int) -> None:
    damaged = (FILE[:at] + bytes([byte]) + FILE[at + 1 :] + bytes(8))[:end]
    try:
        found = read_arrays(damaged)
    except FAULTS:
        return
    expected = load(damaged)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def file_of(header: object, numbers: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


A = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "numbers"),
    [
        ({"a": A}, bytes(7)),
        ({"a": A}, bytes(9)),
        ({"a": A | {"data_offsets": [4, 12]}}, bytes(12)),
        ({"a": A, "b": A}, bytes(8)),
        ({"a": A, "b": A | {"data_offsets": [12, 20]}}, bytes(20)),
        ({"a": A | {"shape": [3]}}, bytes(8)),
        ({"a": A | {"shape": [-2]}}, bytes(8)),
        ({"a": A | {"shape": [2.0]}}, bytes(8)),
        ({"a": A | {"shape": [True, 2]}}, bytes(8)),
        ({"a": A | {"shape": [2**62, 2**62]}}, bytes(8)),
        ({"a": A | {"dtype": "F33"}}, bytes(8)),
        ({"a": A | {"dtype": ["F32"]}}, bytes(8)),
        ({"a": A | {"data_offsets": [8, 0]}}, bytes(8)),
        ({"a": A | {"data_offsets": [0]}}, bytes(8)),
        ({"a": [A]}, bytes(8)),
        ([], b""),
    ],
)
def test_what_is_not_such_a_file_is_refused(header: object, numbers: bytes) -> None:
    data = file_of(header, numbers)
    with pytest.raises(FAULTS):
        read_arrays(data)
    with pytest.raises(SafetensorError):
        load(data)


@pytest.mark.parametrize("data", [b"", bytes(7), bytes(8), b"\xff" * 8, (2**40).to_bytes(8, "little") + b"{}"])
def test_a_header_that_is_not_there_is_refused(data: bytes) -> None:
    with pytest.raises(FAULTS):
        read_arrays(data)
    with pytest.raises(FAULTS):
        read_metadata(data)


def test_a_name_that_is_there_twice_is_refused() -> None:
    text = b'{"a": %s, "a": %s}' % (json.dumps(A).encode(), json.dumps(A).encode())
    with pytest.raises(ValueError, match="twice"):
        read_arrays(len(text).to_bytes(8, "little") + text + bytes(8))
