"""Models in the form that the native engine takes: the place of each tensor in flat parameters, and the input."""

import ctypes
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatelab.scan.native.compile import code_of
from gatelab.scan.native.interface import (
    MAX_LAYERS,
    PRECISIONS,
    Layer,
    Member,
    Shape,
    floats,
)
from gatelab.scan.native.library import Library
from gatelab.specs.cells import CellSpec
from gatelab.specs.training import Precision

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Layout:
    """The places of a model's tensors in its flat parameters.

    Attributes:
        places: name -> (offset, shape), in the order of the flat parameters.
        length: number of parameters.
    """

    places: Mapping[str, tuple[int, tuple[int, ...]]]
    length: int

    def arrays(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Views of the tensors in flat parameters, or in an array with the same layout."""
        return {name: flat[at : at + math.prod(shape)].reshape(shape) for name, (at, shape) in self.places.items()}

    def flat(self, tensors: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The tensors in a new array with this layout."""
        return np.concatenate([tensors[name].reshape(-1) for name in self.places])


def untied(layout: Layout, hidden: int, vocabulary: int) -> Layout:
    """The layout of a model whose head is its embedding, with a matrix for the head after all parameters."""
    if "weight_head" in layout.places:
        return layout
    places = {**layout.places, "weight_head": (layout.length, (hidden, vocabulary))}
    return Layout(places, layout.length + hidden * vocabulary)


def layout_of(shapes: Mapping[str, Sequence[int]]) -> Layout:
    """One tensor after the other, named and shaped as `gatelab.architecture.parameter_shapes` says."""
    places, at = {}, 0
    for name, shape in shapes.items():
        places[name] = at, tuple(shape)
        at += math.prod(shape)
    return Layout(places, at)


class Program:
    """Models of one architecture, on flat parameters.

    Args:
        cell, layers, vocabulary: the architecture.
        embedding: its size, or 0 for one-hot input.
        layout: of the parameters, by their names in `LanguageModel`.
        precision: of the operands of products; one of the library's.

    Raises:
        Unavailable: the native engine has no code for the cell.
    """

    def __init__(
        self,
        library: Library,
        cell: CellSpec,
        layers: int,
        vocabulary: int,
        embedding: int,
        layout: Layout,
        precision: Precision = "fp32",
    ) -> None:
        if layers > MAX_LAYERS:
            raise ValueError(f"at most {MAX_LAYERS} layers (got {layers})")
        self.layers, self.hidden, self._cell, self._precision = layers, cell.hidden, cell, precision
        at = {name: offset for name, (offset, _) in layout.places.items()}
        self._shape = Shape(
            precision=PRECISIONS[precision],
            layers=layers,
            hidden=cell.hidden,
            vocabulary=vocabulary,
            embedding=embedding,
            parameters=layout.length,
            embedding_at=at.get("embedding", -1),
            head_at=at["weight_head"],
            head_bias_at=at["bias_head"],
        )
        self.use(library)
        for layer in range(layers):
            _put_letters(self._shape.layer[layer], cell, at, f"cells.{layer}.")

    def use(self, library: Library) -> None:
        """Compute with this build.

        Raises:
            Unavailable: there is no code for the cell.
        """
        self.library = library
        self._code = code_of(self._cell.representation, library, self._precision)
        self._shape.code, self.states = self._code.code, self._code.code.contents.states

    def read(self, members: "ctypes.Array[Member]", threads: int, interrupted: ctypes.c_int32 | None = None) -> None:
        """Read with each member, like `Library.read`.

        Raises:
            InvalidInput: a size is wrong; nothing was touched.
            Interrupted: the call was ended early.
        """
        self.library.read(self._shape, members, threads, interrupted)

    def new_decoder(self, parameters: Floats, forbidden: int) -> int:
        """The address of a decoder of these parameters. The first `forbidden` ids are never chosen.

        Raises:
            InvalidInput: a size is wrong.
        """
        flat = pointer(parameters)
        assert flat is not None
        return self.library.new_decoder(self._shape, flat, forbidden)

    def state_shape(self, rows: int) -> tuple[int, int, int, int]:
        """(layers, tensors of a state, rows, hidden)"""
        return self.layers, self.states, rows, self.hidden


def _put_letters(layer: Layer, cell: CellSpec, at: Mapping[str, int], prefix: str) -> None:
    for place, parameter in enumerate(cell.representation.parameters):
        layer.letter[place].at = at[prefix + parameter.name]
        layer.letter[place].stride = cell.hidden if parameter.kind in ("input_matrix", "matrix") else 1


def pointer(array: Floats | None) -> "ctypes._Pointer[ctypes.c_float] | None":
    """To the first element of a contiguous array."""
    return None if array is None else array.ctypes.data_as(floats)


def address(array: NDArray[Any] | None) -> int | None:
    """The address of the first element of a contiguous array."""
    return None if array is None else array.ctypes.data
