"""What a model consists of, from its spec alone: the names and shapes of its parameters."""

import math
from collections.abc import Iterator

from gatelab.specs.cells import CellSpec, EquationsSpec, GruSpec, LstmSpec, RnnSpec
from gatelab.specs.model import ModelSpec

Shape = tuple[int, ...]


def parameter_shapes(spec: ModelSpec, vocabulary: int) -> dict[str, Shape]:
    """The shape of each parameter, in the order of `LanguageModel.named_parameters()`.

    Args:
        vocabulary: number of token ids.
    """
    hidden, width, shapes = spec.cell.hidden, vocabulary, dict[str, Shape]()
    if spec.input != "one_hot":
        width = spec.input.embedding
        shapes["embedding"] = (vocabulary, width)
    shapes |= {"weight_head": (hidden, vocabulary), "bias_head": (vocabulary,)}
    for layer in range(spec.layers):
        of_layer = _cell_shapes(spec.cell, hidden if layer else width)
        shapes |= {f"cells.{layer}.{name}": shape for name, shape in of_layer}
    return shapes


def parameter_count(spec: ModelSpec, vocabulary: int) -> int:
    """How many numbers are trained."""
    return sum(math.prod(shape) for shape in parameter_shapes(spec, vocabulary).values())


def _cell_shapes(cell: CellSpec, inputs: int) -> Iterator[tuple[str, Shape]]:
    hidden = cell.hidden
    match cell:
        case EquationsSpec():
            for parameter in cell.representation.parameters:
                yield parameter.name, parameter.shape(inputs, hidden)
        case RnnSpec() | LstmSpec():
            blocks = 4 if isinstance(cell, LstmSpec) else 1
            yield from _input_side(inputs, blocks * hidden)
            yield "weight_hidden", (hidden, blocks * hidden)
        case GruSpec(gates=gates):
            yield from _input_side(inputs, (len(gates) + 1) * hidden)
            if gates:
                yield "weight_gates", (hidden, len(gates) * hidden)
            yield "weight_candidate", (hidden, hidden)
            if "reset" in gates and cell.reset == "after":
                yield "bias_candidate", (hidden,)


def _input_side(inputs: int, width: int) -> Iterator[tuple[str, Shape]]:
    yield "weight_input", (inputs, width)
    yield "bias", (width,)
