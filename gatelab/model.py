"""The language model: input (one-hot or embedding) -> layers of cells -> linear head over the vocabulary.

From layer to layer, x is the value that is passed up. Layer n reads r, which is x or, with `norm: layer`, x normalized;
its cell's output y passes dropout; then `connections` decide what the layer sends up: y (plain), x + y (residual), or
t * y + (1 - t) * x with t = sigmoid(r W + b) (highway). The first layer reads the input as it is and sends up y. The
head reads what the last layer sends up, normalized like the inputs of layers. So there is a path from the first layer
upwards without any normalization, as in transformers with the normalization inside (Xiong et al. 2020,
arXiv:2002.04745).
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from gatelab.cells import Cell, State
from gatelab.checkpoint import Array, Checkpoint
from gatelab.dropout import Dropout
from gatelab.initial import initial_values
from gatelab.layer_connections import Highway, Normalization
from gatelab.network import Network
from gatelab.scan.reference import Noise, scan
from gatelab.specs.model import ModelSpec

ModelState = tuple[State, ...]
"""One cell state per layer."""


class LanguageModel(nn.Module):
    """Predicts the next token of each sequence from the tokens before it.

    Args:
        spec: the architecture.
        vocabulary: number of token ids.

    Parameters are zero until `initialize` draws them or a checkpoint is loaded.
    """

    def __init__(self, spec: ModelSpec, vocabulary: int) -> None:
        super().__init__()
        self.spec, self.vocabulary = spec, vocabulary
        widths = spec.widths
        self.embedding: nn.Parameter | None = None
        if spec.input != "one_hot":
            self.embedding = nn.Parameter(torch.zeros(vocabulary, spec.input.embedding))
        if not spec.tied:
            self.weight_head = nn.Parameter(torch.zeros(widths[-1], vocabulary))
        self.bias_head = nn.Parameter(torch.zeros(vocabulary))
        sizes = zip(spec.inputs, widths, strict=True)
        self.cells = nn.ModuleList(
            Cell(spec.cell.representation, vocabulary if read is None else read, hidden) for read, hidden in sizes
        )
        # Named by the layer whose input they normalize; the first layer's is not normalized.
        norms = enumerate(widths, 1) if spec.norm == "layer" else ()
        self.norms = nn.ModuleDict({str(place): Normalization(width) for place, width in norms})
        highways = enumerate(widths[1:], 1) if spec.connections == "highway" else ()
        self.highways = nn.ModuleDict({str(layer): Highway(width) for layer, width in highways})
        learned = widths if spec.initial_state == "learned" else ()
        self.initial = nn.ModuleList(
            nn.ParameterList(nn.Parameter(torch.zeros(width)) for _ in spec.cell.representation.states)
            for width in learned
        )

    @property
    def device(self) -> torch.device:
        return self.bias_head.device

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def initialize(self, seed: int) -> None:
        """Give the parameters the `initial_values` of a seed."""
        parameters = dict(self.named_parameters())
        drawn = initial_values(self.spec, {name: p.shape for name, p in parameters.items()}, seed)
        for name, values in drawn.items():
            parameters[name].data.copy_(torch.from_numpy(values))

    def initial_state(self, batch: int) -> ModelState:
        """The state before a text: zeros, or the learned state, the same for all sequences."""
        if not len(self.initial):
            return tuple(cell.initial_state(batch) for cell in self._cells())
        return tuple(tuple(vector.expand(batch, -1) for vector in layer.parameters()) for layer in self.initial)

    @property
    def head(self) -> Tensor:
        """(hidden, vocabulary) the matrix by which the output is multiplied before the bias is added."""
        if not self.spec.tied:
            return self.weight_head
        assert self.embedding is not None, "a head is tied to an embedding"
        return self.embedding.T

    def forward(self, ids: Tensor, state: ModelState, dropout: Dropout | None = None) -> tuple[Tensor, ModelState]:
        """Read `ids` and predict the token after each of them.

        Args:
            ids: (steps, batch) integer token ids.
            state: the state before the first step.
            dropout: the masks of a training step; None in evaluation.

        Returns:
            Logits (steps, batch, vocabulary) and the state after the last step.
        """
        x = self._entering(ids, dropout)
        after = []
        for layer, (cell, before) in enumerate(zip(self._cells(), state, strict=True)):
            read = self._normalized(layer, x)
            y, end = scan(cell, read, before, self._noise(dropout, layer, *ids.shape))
            after.append(end)
            if (factors := dropout and dropout.outputs(self.spec, layer, *ids.shape)) is not None:
                y = y * torch.from_numpy(factors).to(y)
            x = self._joined(layer, read, x, y)
        return self._normalized(self.spec.layers, x) @ self.head + self.bias_head, tuple(after)

    def _entering(self, ids: Tensor, dropout: Dropout | None) -> Tensor:
        """The input of the first layer: embeddings (steps, batch, size), or ids (steps, batch) for one-hot rows."""
        x = ids if self.embedding is None else functional.embedding(ids, self.embedding)
        steps, batch = ids.shape
        factors = dropout and dropout.input(self.spec, steps, batch, self.vocabulary)
        if factors is None:
            return x
        if self.embedding is None:
            x = functional.one_hot(ids, self.vocabulary)
        return x * torch.from_numpy(factors).to(self.bias_head)

    def _noise(self, dropout: Dropout | None, layer: int, steps: int, batch: int) -> Noise:
        if dropout is None:
            return Noise(zoneout=self.spec.drops.zoneout)
        recurrent = dropout.recurrent(self.spec, layer, batch)
        kept = dropout.zoneout(self.spec, layer, steps, batch)
        return Noise(
            None if recurrent is None else torch.from_numpy(recurrent).to(self.bias_head),
            0.0 if kept is None else torch.from_numpy(kept).to(self.device),
        )

    def _normalized(self, place: int, x: Tensor) -> Tensor:
        """The input of layer `place`, or of the head after the last layer, if `x` comes from below."""
        if str(place) not in self.norms:
            return x
        found: Tensor = self.norms[str(place)](x)
        return found

    def _joined(self, layer: int, read: Tensor, below: Tensor, output: Tensor) -> Tensor:
        """The value that a layer sends up, from its input `read`, the value from below and its own output."""
        if layer == 0 or self.spec.connections == "plain":
            return output
        if self.spec.connections == "residual":
            return below + output
        found: Tensor = self.highways[str(layer)](read, below, output)
        return found

    def cell(self, layer: int) -> Cell:
        """The cell of a layer."""
        return list(self._cells())[layer]

    def _cells(self) -> Iterator[Cell]:
        for cell in self.cells:
            assert isinstance(cell, Cell)
            yield cell


def model_of(checkpoint: Checkpoint) -> LanguageModel:
    """The model with a checkpoint's weights, on the CPU.

    Raises:
        CorruptCheckpoint, NotFinite: as `Checkpoint.check_weights`.
    """
    checkpoint.check_weights()
    model = LanguageModel(checkpoint.spec.model, checkpoint.tokenizer.vocabulary)
    model.load_state_dict(tensors_of(checkpoint.weights))
    return model


def network_of(model: LanguageModel) -> Network:
    """The model as a network in numpy, with weights of its own."""
    weights = {name: array_of(parameter) for name, parameter in model.named_parameters()}
    return Network(model.spec, model.vocabulary, weights)


def tensors_of(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    """Arrays as tensors on the CPU, in their own memory."""
    return {name: torch.tensor(array) for name, array in arrays.items()}


def array_of(tensor: Tensor) -> NDArray[np.float32]:
    """A tensor of any device as an array, in its own memory."""
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().copy()
    return array
