"""All layers, and what is around them."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from gatelab.checkpoint import Checkpoint
from gatelab.equations import Representation
from gatelab.network.evaluation import Array
from gatelab.network.layer import Layer, State
from gatelab.specs.model import ModelSpec
from gatelab.text.tokenizers import Ids

NetworkState = tuple[State, ...]
"""One cell state a layer."""


class Network:
    """A model: input (one-hot or embedding) -> layers -> linear head over the vocabulary, in its weights' precision.

    Args:
        spec: the architecture.
        vocabulary: number of token ids.
        weights: named and shaped as `gatelab.architecture.parameter_shapes` says, all of one precision.
    """

    def __init__(self, spec: ModelSpec, vocabulary: int, weights: Mapping[str, Array]) -> None:
        self.spec, self.vocabulary, self.weights = spec, vocabulary, weights

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "Network":
        """
        Raises:
            CorruptCheckpoint, NotFinite: as `Checkpoint.check_weights`.
        """
        checkpoint.check_weights()
        return cls(checkpoint.spec.model, checkpoint.tokenizer.vocabulary, checkpoint.weights)

    def double(self) -> "Network":
        """The same in double precision."""
        weights = {name: array.astype(np.float64) for name, array in self.weights.items()}
        return Network(self.spec, self.vocabulary, weights)

    @property
    def precision(self) -> np.dtype[np.floating]:
        return self.weights["bias_head"].dtype

    @cached_property
    def layers(self) -> list[Layer]:
        return [self._layer(number, self.spec.cell.representation) for number in range(self.spec.layers)]

    def _layer(self, number: int, representation: Representation) -> Layer:
        own = {letter.name: self.weights[f"cells.{number}.{letter.name}"] for letter in representation.parameters}
        return Layer(representation, own, self.spec.cell.hidden)

    def initial_state(self, rows: int) -> NetworkState:
        return tuple(layer.initial_state(rows) for layer in self.layers)

    def entering(self, ids: Ids) -> Array:
        """What ids (...) enter the first layer as: embeddings (..., size), or themselves for one-hot rows."""
        embedding = self.weights.get("embedding")
        return ids if embedding is None else embedding[ids]

    def read(self, ids: Ids, state: NetworkState) -> tuple[Array, NetworkState]:
        """Read ids (steps, rows).

        Returns:
            The outputs of the last layer (steps, rows, hidden), and the state after the last step.
        """
        x, after = self.entering(ids), []
        for layer, before in zip(self.layers, state, strict=True):
            outputs = np.empty((*ids.shape, layer.hidden), layer.dtype)
            for step, u in enumerate(layer.project(x)):
                before = layer.update(u, before)
                outputs[step] = before[0]
            x = outputs
            after.append(before)
        return x, tuple(after)

    def logits(self, outputs: Array) -> Array:
        """What follows (..., vocabulary), from outputs of the last layer (..., hidden)."""
        with np.errstate(all="ignore"):
            found: Array = outputs @ self.weights["weight_head"] + self.weights["bias_head"]
        return found
