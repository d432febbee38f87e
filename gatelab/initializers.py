"""How the first values of one matrix or vector are drawn. Each is a function of a random generator and nothing else."""

import math

import numpy as np
from numpy.typing import NDArray

from gatelab.specs.initial import MatrixInit, NormalSpec, UniformSpec

Floats = NDArray[np.float32]


def drawn(how: MatrixInit, shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    """First values (from, to), or of a vector.

    The bounds of `xavier` and `he` go by both sides of a matrix; for a vector they go by its length.
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
    q *= np.sign(np.diag(r))  # without it, QR prefers some (Mezzadri 2007, arXiv:math-ph/0609050)
    return np.ascontiguousarray(q if rows >= columns else q.T).astype(np.float32)
