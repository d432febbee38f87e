"""The connections between layers, in numpy, with derivatives: `gatelab.layer_connections` defines them."""

from dataclasses import dataclass

import numpy as np

from gatelab.architecture import EPSILON
from gatelab.network.evaluation import Array
from gatelab.network.functions import FUNCTIONS

sigmoid = FUNCTIONS["sigmoid"]


@dataclass(frozen=True)
class Normalization:
    """Layer normalization (Ba, Kiros & Hinton 2016, arXiv:1607.06450) of the last axis.

    Attributes:
        gain, bias: (width,)
    """

    gain: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            found: Array = self.gain * self._standard(x)[0] + self.bias
        return found

    def back(self, x: Array, rows: Array) -> Array:
        """Derivatives by x (1, width), from those by the result (rows, width)."""
        with np.errstate(all="ignore"):
            standard, deviation = self._standard(x)
            rows = rows * self.gain
            along = (rows * standard).mean(axis=-1, keepdims=True)
            found: Array = (rows - rows.mean(axis=-1, keepdims=True) - standard * along) / deviation
        return found

    def _standard(self, x: Array) -> tuple[Array, Array]:
        """x with mean 0 and deviation 1, and its original deviation."""
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)
        return centred / deviation, deviation


@dataclass(frozen=True)
class Highway:
    """The transform gate of a highway (Srivastava, Greff & Schmidhuber 2015, arXiv:1505.00387, equation 3).

    Attributes:
        weight, bias: (width, width) and (width,)
    """

    weight: Array
    bias: Array

    def __call__(self, read: Array, below: Array, output: Array) -> Array:
        with np.errstate(all="ignore"):
            transform = sigmoid(read @ self.weight + self.bias)
            found: Array = transform * output + (1 - transform) * below
        return found

    def back(self, read: Array, below: Array, output: Array, rows: Array) -> tuple[Array, Array, Array]:
        """Derivatives by `read`, `below` and `output` (1, width), from those by the result (rows, width)."""
        with np.errstate(all="ignore"):
            transform = sigmoid(read @ self.weight + self.bias)
            of_sum = rows * ((output - below) * transform * (1 - transform))
            return of_sum @ self.weight.T, rows * (1 - transform), rows * transform
