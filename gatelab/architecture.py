"""The names and shapes of a model's parameters, from its spec alone."""

import math

from gatelab.specs.model import ModelSpec

Shape = tuple[int, ...]

EPSILON = 1e-5
"""Added to the variance in layer normalization, as PyTorch's LayerNorm does."""


def parameter_shapes(spec: ModelSpec, vocabulary: int) -> dict[str, Shape]:
    """The shape of each parameter, in the order of `LanguageModel.named_parameters()`.

    Layers are numbered from 0. `norms.n` normalizes the input of layer n; the one after the last layer normalizes the
    input of the head. `highways.n` is the gate beside layer n; `initial.n.i` is tensor i of the initial state of layer
    n.

    Args:
        vocabulary: number of token ids.
    """
    widths, shapes = spec.widths, dict[str, Shape]()
    if spec.input != "one_hot":
        shapes["embedding"] = (vocabulary, spec.input.embedding)
    if not spec.tied:
        shapes["weight_head"] = (widths[-1], vocabulary)
    shapes["bias_head"] = (vocabulary,)
    for layer, (read, hidden) in enumerate(zip(spec.inputs, widths, strict=True)):
        inputs = vocabulary if read is None else read
        of_cell = {each.name: each.shape(inputs, hidden) for each in spec.cell.representation.parameters}
        shapes |= {f"cells.{layer}.{name}": shape for name, shape in of_cell.items()}
    if spec.norm == "layer":
        for place, width in enumerate(widths, 1):
            shapes |= {f"norms.{place}.gain": (width,), f"norms.{place}.bias": (width,)}
    if spec.connections == "highway":
        for layer, width in list(enumerate(widths))[1:]:
            shapes |= {f"highways.{layer}.weight": (width, width), f"highways.{layer}.bias": (width,)}
    if spec.initial_state == "learned":
        tensors = range(len(spec.cell.representation.states))
        shapes |= {f"initial.{layer}.{place}": (width,) for layer, width in enumerate(widths) for place in tensors}
    return shapes


def parameter_count(spec: ModelSpec, vocabulary: int) -> int:
    """The number of trained parameters."""
    return sum(math.prod(shape) for shape in parameter_shapes(spec, vocabulary).values())
