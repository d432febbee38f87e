"""The operations of equations in numpy, those of their derivatives among them (`gatelab.equations.derivatives`).

All keep the precision of their operands. They are called with numpy's warnings off: infinities and NaN are passed on.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Function = Callable[..., Any]

SOFTPLUS_LINEAR = 20.0
"""Above this, softplus returns its operand, as PyTorch does."""


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def softplus(a: Any) -> Any:
    return np.where(a > SOFTPLUS_LINEAR, a, np.log1p(np.exp(np.minimum(a, SOFTPLUS_LINEAR))))


def log_sigmoid(a: Any) -> Any:
    return np.minimum(a, 0) - np.log1p(np.exp(-np.abs(a)))


def _normal_share(a: Any) -> Any:
    """The standard normal distribution function. numpy has no erf, and importing scipy would take too long."""
    erf = np.asarray(np.frompyfunc(math.erf, 1, 1)(a / math.sqrt(2)), dtype=np.asarray(a).dtype)
    return (1 + erf) / 2


def gelu_slope(a: Any) -> Any:
    return _normal_share(a) + a * np.exp(-a * a / 2) / math.sqrt(2 * math.pi)


def where_within(a: Any, g: Any, limit: float) -> Any:
    return np.where(np.abs(a) >= limit, 0.0, g)


def where_larger(a: Any, b: Any, g: Any) -> Any:
    return np.where(a == b, g * 0.5, np.where(a < b, 0.0, g))


def log_probabilities(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """log softmax of logits (tokens, vocabulary)."""
    shifted: NDArray[np.float64] = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


FUNCTIONS: dict[str, Function] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "negative": np.negative,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "softplus": softplus,
    "log_sigmoid": log_sigmoid,
    "silu": lambda a: a * sigmoid(a),
    "gelu": lambda a: a * _normal_share(a),
    "abs": np.abs,
    "sin": np.sin,
    "cos": np.cos,
    "hard_sigmoid": lambda a: np.clip(a + 3, 0, 6) / 6,
    "hard_tanh": lambda a: np.clip(a, -1, 1),
    "max": np.maximum,
    "min": np.minimum,
    "mean": lambda a: np.mean(a, axis=-1, keepdims=True),
    "sign": np.sign,
    "gelu_slope": gelu_slope,
    "where_positive": lambda a, g: np.where(a <= 0, 0.0, g),
    "where_larger": where_larger,
}
"""Operation -> the function that computes it from its operands. `where_within` also needs its node's value."""
