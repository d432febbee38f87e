"""The initial values of a model's parameters, the same for every engine."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gatelab.equations.gate_biases import gate_biases
from gatelab.randomness import numpy_generator
from gatelab.specs.initial import MatrixInit, NormalInitSpec, NormalSpec, PartsInitSpec, UniformSpec
from gatelab.specs.model import ModelSpec

Floats = NDArray[np.float32]

HIGHWAY_BIAS = -1.0


def initial_values(spec: ModelSpec, shapes: Mapping[str, Sequence[int]], seed: int) -> dict[str, Floats]:
    """Draw the parameters of these names and shapes, except those whose initial values the cell's equations set.

    By default embeddings are normal (0, 1), as PyTorch's, and everything else is uniform between
    -1 / sqrt(hidden) and 1 / sqrt(hidden), as in PyTorch's recurrent layers. With `init: {normal: sigma}` matrices are
    normal (0, sigma) and everything else is 0. Otherwise see `PartsInitSpec`.

    An embedding that is also the head's matrix begins as the head's matrix does. Normalizations begin with gain 1 and
    bias 0, gates of highways with the bias -1, which lets most of the layer below pass (Srivastava et al. 2015), and
    learned states at 0.

    Each is a function of (seed, its name), so variants that share a parameter begin with equal values of it.
    """
    values = {name: _drawn(spec, name, tuple(shape), seed) for name, shape in shapes.items()}
    for layer in range(spec.layers):
        for parameter in spec.cell.representation.parameters:
            tensor = values[f"cells.{layer}.{parameter.name}"]
            if parameter.initial == "identity":
                tensor[...] = np.eye(*tensor.shape)
            elif parameter.initial is not None:
                tensor[...] = parameter.initial
    if isinstance(spec.init, PartsInitSpec):
        _set_parts(spec, spec.init, values, seed)
    return values


def _drawn(spec: ModelSpec, name: str, shape: tuple[int, ...], seed: int) -> Floats:
    if (constant := _constant(name)) is not None:
        return np.full(shape, constant, np.float32)
    random = numpy_generator(seed, "init", name)
    if isinstance(spec.init, PartsInitSpec) and (how := _of_kind(spec, spec.init, name, shape)) is not None:
        return drawn(how, shape, random)
    if isinstance(spec.init, NormalInitSpec):
        return _normal(shape, spec.init.normal, random) if len(shape) > 1 else np.zeros(shape, np.float32)
    if name == "embedding" and not spec.tied:
        return _normal(shape, 1.0, random)
    return _uniform(shape, 1 / math.sqrt(_hidden(spec, name)), random)


def _constant(name: str) -> float | None:
    """The initial value of a parameter outside the cells, if it is the same for all specs."""
    group, _, _ = name.partition(".")
    match group:
        case "norms":
            return float(name.endswith(".gain"))
        case "highways" if name.endswith(".bias"):
            return HIGHWAY_BIAS
        case "initial":
            return 0.0
    return None


def _hidden(spec: ModelSpec, name: str) -> int:
    """The units of the layer that a parameter belongs to; those of the last one for the head and the embedding."""
    group, _, rest = name.partition(".")
    return spec.widths[int(rest.partition(".")[0])] if group in ("cells", "highways") else spec.widths[-1]


def _of_kind(spec: ModelSpec, init: PartsInitSpec, name: str, shape: tuple[int, ...]) -> MatrixInit | None:
    """The initialization that the spec sets for the kind of a parameter."""
    if name in ("embedding", "weight_head"):
        head = name == "weight_head" or (spec.tied and init.embedding is None)
        return init.head if head else init.embedding
    if len(shape) < 2:
        return init.bias
    if name.startswith("highways."):
        return init.input
    kinds = {parameter.name: parameter.kind for parameter in spec.cell.representation.parameters}
    return init.input if kinds[name.rpartition(".")[2]] == "input_matrix" else init.recurrent


def _set_parts(spec: ModelSpec, init: PartsInitSpec, values: Mapping[str, Floats], seed: int) -> None:
    """The initializations that the spec sets by gate and by letter."""
    biases = gate_biases(spec.cell.representation)
    for layer in range(spec.layers):
        for gate, bias in init.biases.items():
            for letter in biases[gate]:
                values[f"cells.{layer}.{letter}"][...] = bias
        for letter, how in init.letters.items():
            name = f"cells.{layer}.{letter}"
            values[name][...] = drawn(how, values[name].shape, numpy_generator(seed, "init", name))


def drawn(how: MatrixInit, shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    """Initial values of a matrix (from, to) or of a vector: a function of the random generator only.

    The bounds of `xavier` and `he` depend on both sides of a matrix, and on the length of a vector.
    """
    if isinstance(how, int | float):
        return np.full(shape, how, np.float32)
    if isinstance(how, NormalSpec):
        return _normal(shape, how.normal, random)
    if isinstance(how, UniformSpec):
        return _uniform(shape, how.uniform, random)
    rows, columns = (shape[0], shape[-1]) if shape else (1, 1)
    match how:
        case "identity":
            values = np.zeros(shape, np.float32)
            if len(shape) > 1:
                np.fill_diagonal(values, 1)
            return values
        case "xavier":
            return _uniform(shape, math.sqrt(6 / (rows + columns)), random)
        case "he":
            return _normal(shape, math.sqrt(2 / rows), random)
        case "orthogonal":
            return _orthogonal(rows, columns, random) if len(shape) > 1 else _normal(shape, 1.0, random)


def _normal(shape: tuple[int, ...], deviation: float, random: np.random.Generator) -> Floats:
    values = np.zeros(shape, np.float32)
    random.standard_normal(dtype=np.float32, out=values)
    values *= deviation
    return values


def _uniform(shape: tuple[int, ...], bound: float, random: np.random.Generator) -> Floats:
    values = np.zeros(shape, np.float32)
    random.random(dtype=np.float32, out=values)
    values *= 2 * bound
    values -= bound
    return values


def _orthogonal(rows: int, columns: int, random: np.random.Generator) -> Floats:
    """Orthonormal rows or columns, whichever are fewer (Saxe et al. 2014, arXiv:1312.6120), uniformly distributed."""
    plain = random.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(plain)
    q *= np.sign(np.diag(r))  # without it, QR is not uniform (Mezzadri 2007, arXiv:math-ph/0609050)
    return np.ascontiguousarray(q if rows >= columns else q.T).astype(np.float32)
