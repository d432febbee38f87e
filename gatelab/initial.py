"""The first values of a model's parameters, the same for every engine."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gatelab.randomness import numpy_generator
from gatelab.specs.model import ModelSpec, NormalInitSpec

Floats = NDArray[np.float32]


def initial_values(spec: ModelSpec, shapes: Mapping[str, Sequence[int]], seed: int) -> dict[str, Floats]:
    """Draw the parameters of these names and shapes, but those whose first values the cell's equations set.

    By default embeddings are normal (0, 1), as PyTorch's, and everything else is uniform between
    -1 / sqrt(hidden) and 1 / sqrt(hidden), as in PyTorch's recurrent layers. With `init: {normal: sigma}` matrices are
    normal (0, sigma) and everything else is 0.

    Each is a function of (seed, its name): variants that share one start equal in it.
    """
    values = {name: _drawn(spec, name, tuple(shape), seed) for name, shape in shapes.items()}
    for layer in range(spec.layers):
        for parameter in spec.cell.representation.parameters:
            tensor = values[f"cells.{layer}.{parameter.name}"]
            if parameter.initial == "identity":
                tensor[...] = np.eye(*tensor.shape)
            elif parameter.initial is not None:
                tensor[...] = parameter.initial
    return values


def _drawn(spec: ModelSpec, name: str, shape: tuple[int, ...], seed: int) -> Floats:
    random, values = numpy_generator(seed, "init", name), np.zeros(shape, np.float32)
    if isinstance(spec.init, NormalInitSpec):
        if len(shape) > 1:
            random.standard_normal(dtype=np.float32, out=values)
            values *= spec.init.normal
    elif name == "embedding":
        random.standard_normal(dtype=np.float32, out=values)
    else:
        bound = 1 / math.sqrt(spec.cell.hidden)
        random.random(dtype=np.float32, out=values)
        values *= 2 * bound
        values -= bound
    return values
