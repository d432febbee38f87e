"""What a model consists of, from its spec alone: the names and shapes of its parameters."""

import math

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
        inputs = hidden if layer else width
        of_cell = {each.name: each.shape(inputs, hidden) for each in spec.cell.representation.parameters}
        shapes |= {f"cells.{layer}.{name}": shape for name, shape in of_cell.items()}
    return shapes


def parameter_count(spec: ModelSpec, vocabulary: int) -> int:
    """How many numbers are trained."""
    return sum(math.prod(shape) for shape in parameter_shapes(spec, vocabulary).values())
