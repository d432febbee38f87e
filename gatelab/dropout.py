"""Dropout masks, the same for every engine (Srivastava et al. 2014, "Dropout")."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from gatelab.randomness import numpy_generator

Floats = NDArray[np.float32]

WORD = 2**16
"""An element is kept or not by 16 random bits. One draw of Philox has enough of them for four elements."""


@dataclass(frozen=True)
class Dropout:
    """Which dropout masks to draw: they are a function of (seed, step, layer) and of nothing else."""

    seed: int
    step: int

    def factors(self, shape: Sequence[int], rate: float, layer: int) -> Floats:
        """0 with the probability `rate`, else 1 / (1 - rate): what to multiply each element of this shape by."""
        random = numpy_generator(self.seed, "dropout", self.step, layer)
        count = prod(shape)
        words = random.bit_generator.random_raw(-(-count // 4)).view(np.uint16)[:count]
        kept_words = (1 - rate) * WORD
        whole = int(kept_words)
        kept = words < whole
        # Sixteen bits leave one word in 65,536 undecided; more bits decide it, so that the rate is exact.
        undecided = np.flatnonzero(words == whole)
        if len(undecided):
            kept[undecided] = random.random(len(undecided)) < kept_words - whole
        return np.multiply(kept, np.float32(1 / (1 - rate)), dtype=np.float32).reshape(shape)
