"""Dropout masks, the same for every engine (Srivastava et al. 2014, "Dropout")."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from gatelab.randomness import numpy_generator
from gatelab.specs.model import ModelSpec

Floats = NDArray[np.float32]

WORD = 2**16
"""Sixteen random bits decide whether an element is kept. One draw of Philox has enough bits for four elements."""


@dataclass(frozen=True)
class Dropout:
    """Which dropout masks to draw: they depend only on (seed, step, layer, purpose)."""

    seed: int
    step: int

    def factors(self, shape: Sequence[int], rate: float, layer: int) -> Floats:
        """A factor for each element of this shape: 0 with the probability `rate`, else 1 / (1 - rate)."""
        return np.multiply(self._kept(shape, rate, layer), np.float32(1 / (1 - rate)), dtype=np.float32)

    def outputs(self, spec: ModelSpec, layer: int, steps: int, batch: int) -> Floats | None:
        """The mask for the output of a layer, (steps, batch, hidden), or None if nothing is dropped there."""
        rate, width = spec.drops.layers, spec.widths[layer]
        if not rate:
            return None
        if spec.drops.variational:
            return np.tile(self.factors((batch, width), rate, layer), (steps, 1, 1))
        return self.factors((steps, batch, width), rate, layer)

    def input(self, spec: ModelSpec, steps: int, batch: int, vocabulary: int) -> Floats | None:
        """The mask for the input of the first layer, (steps or 1, batch, width).

        The width is that of the embedding, or the size of the vocabulary if tokens are one-hot. A mask for all steps
        drops a token in all of them, as Gal & Ghahramani drop words. Masks for single steps drop each one separately.
        """
        rate, width = spec.drops.input, spec.inputs[0]
        if not rate:
            return None
        if spec.drops.variational:
            shape: tuple[int, ...] = (1, batch, vocabulary if width is None else width)
        else:
            shape = (steps, batch, 1 if width is None else width)
        return self._scaled("dropout of the input", shape, rate)

    def recurrent(self, spec: ModelSpec, layer: int, batch: int) -> Floats | None:
        """The mask for the operands of a layer's recurrent matrices, the same in all steps, (batch, hidden)."""
        rate = spec.drops.recurrent
        return self._scaled("recurrent dropout", (batch, spec.widths[layer]), rate, layer) if rate else None

    def zoneout(self, spec: ModelSpec, layer: int, steps: int, batch: int) -> NDArray[np.bool_] | None:
        """Which numbers of a layer's state keep their old value, (steps, tensors of the state, batch, hidden)."""
        rate, tensors = spec.drops.zoneout, len(spec.cell.representation.states)
        if not rate:
            return None
        return ~self._kept((steps, tensors, batch, spec.widths[layer]), rate, layer, "zoneout")

    def _scaled(self, purpose: str, shape: Sequence[int], rate: float, layer: int = 0) -> Floats:
        return np.multiply(self._kept(shape, rate, layer, purpose), np.float32(1 / (1 - rate)), dtype=np.float32)

    def _kept(self, shape: Sequence[int], rate: float, layer: int, purpose: str = "dropout") -> NDArray[np.bool_]:
        """False with the probability `rate`."""
        random = numpy_generator(self.seed, purpose, self.step, layer)
        count = prod(shape)
        words = random.bit_generator.random_raw(-(-count // 4)).view(np.uint16)[:count]
        kept_words = (1 - rate) * WORD
        whole = int(kept_words)
        kept: NDArray[np.bool_] = words < whole
        # Sixteen bits leave one element in 65,536 undecided; more bits decide it, so that the rate is exact.
        undecided = np.flatnonzero(words == whole)
        if len(undecided):
            kept[undecided] = random.random(len(undecided)) < kept_words - whole
        return kept.reshape(shape)
