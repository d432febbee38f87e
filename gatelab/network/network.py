"""All layers, and the parts around them."""

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from gatelab.checkpoint import Checkpoint
from gatelab.equations import Representation
from gatelab.network.connections import Highway, Normalization
from gatelab.network.evaluation import Array
from gatelab.network.layer import Layer, State
from gatelab.specs.model import ModelSpec
from gatelab.text.tokenizers import Ids

NetworkState = tuple[State, ...]
"""One cell state per layer."""


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
        initial: State = ()
        if self.spec.initial_state == "learned":
            initial = tuple(self.weights[f"initial.{number}.{place}"] for place in range(len(representation.states)))
        return Layer(representation, own, self.spec.widths[number], self.spec.drops.zoneout, initial)

    @cached_property
    def norms(self) -> dict[int, Normalization]:
        """The normalizations, by the number of the layer that they precede; the head has the number after the last."""
        places = range(1, self.spec.layers + 1) if self.spec.norm == "layer" else ()
        return {n: Normalization(self.weights[f"norms.{n}.gain"], self.weights[f"norms.{n}.bias"]) for n in places}

    @cached_property
    def highways(self) -> dict[int, Highway]:
        """The gates beside layers, by their numbers."""
        layers = range(1, self.spec.layers) if self.spec.connections == "highway" else ()
        return {n: Highway(self.weights[f"highways.{n}.weight"], self.weights[f"highways.{n}.bias"]) for n in layers}

    @property
    def head(self) -> Array:
        """(hidden, vocabulary) the matrix by which the output is multiplied before the bias is added."""
        return self.weights["embedding"].T if self.spec.tied else self.weights["weight_head"]

    def initial_state(self, rows: int) -> NetworkState:
        return tuple(layer.initial_state(rows) for layer in self.layers)

    def entering(self, ids: Ids) -> Array:
        """The first layer's input for ids (...): embeddings (..., size), or the ids themselves for one-hot rows."""
        embedding = self.weights.get("embedding")
        return ids if embedding is None else embedding[ids]

    def normalized(self, place: int, x: Array) -> Array:
        """The input of layer `place`, or of the head after the last layer, if `x` comes from below."""
        return self.norms[place](x) if place in self.norms else x

    def joined(self, layer: int, read: Array, below: Array, output: Array) -> Array:
        """The value that a layer sends up, from its input `read`, the value from below and its own output."""
        if layer == 0 or self.spec.connections == "plain":
            return output
        return below + output if self.spec.connections == "residual" else self.highways[layer](read, below, output)

    def read(
        self, ids: Ids, state: NetworkState, between: Callable[[], object] = lambda: None
    ) -> tuple[Array, NetworkState]:
        """Read ids (steps, rows).

        Args:
            between: called before each step of each layer. If it raises an exception, the work ends.

        Returns:
            The output of the last layer (steps, rows, hidden), and the state after the last step.
        """
        x, after = self.entering(ids), []
        for number, (layer, before) in enumerate(zip(self.layers, state, strict=True)):
            read = self.normalized(number, x)
            outputs = np.empty((*ids.shape, layer.hidden), layer.dtype)
            for step, u in enumerate(layer.project(read)):
                between()
                before = layer.update(u, before)
                outputs[step] = before[0]
            x = self.joined(number, read, x, outputs)
            after.append(before)
        return x, tuple(after)

    def logits(self, outputs: Array) -> Array:
        """Logits of the next tokens (..., vocabulary), from the output of the last layer (..., hidden)."""
        with np.errstate(all="ignore"):
            found: Array = self.normalized(self.spec.layers, outputs) @ self.head + self.weights["bias_head"]
        return found

    def double_logits(self, outputs: Array) -> Array:
        """The same, in double precision from the products on."""
        with np.errstate(all="ignore"):
            read = self.normalized(self.spec.layers, outputs).astype(np.float64)
            found: Array = read @ self.head.astype(np.float64) + self.weights["bias_head"].astype(np.float64)
        return found
