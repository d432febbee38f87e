"""The language model: input (one-hot or embedding) -> layers of cells -> linear head over the vocabulary."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gatelab.cells import Cell, State, build
from gatelab.checkpoint import Array, Checkpoint
from gatelab.dropout import Dropout
from gatelab.initial import initial_values
from gatelab.network import Network
from gatelab.scan.reference import scan
from gatelab.specs.model import ModelSpec

ModelState = tuple[State, ...]
"""One cell state a layer."""


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
        self.embedding: nn.Parameter | None = None
        width = vocabulary
        if spec.input != "one_hot":
            width = spec.input.embedding
            self.embedding = nn.Parameter(torch.zeros(vocabulary, width))
        hidden = spec.cell.hidden
        self.cells = nn.ModuleList(build(spec.cell, hidden if layer else width) for layer in range(spec.layers))
        self.weight_head = nn.Parameter(torch.zeros(hidden, vocabulary))
        self.bias_head = nn.Parameter(torch.zeros(vocabulary))

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
        return tuple(cell.initial_state(batch) for cell in self._cells())

    def forward(self, ids: Tensor, state: ModelState, dropout: Dropout | None = None) -> tuple[Tensor, ModelState]:
        """Read `ids` and predict what follows each of them.

        Args:
            ids: (steps, batch) integer token ids.
            state: the state before the first step.
            dropout: the masks of a training step; None in evaluation.

        Returns:
            Logits (steps, batch, vocabulary) and the state after the last step.
        """
        x = ids if self.embedding is None else nn.functional.embedding(ids, self.embedding)
        after = []
        for layer, (cell, before) in enumerate(zip(self._cells(), state, strict=True)):
            x, end = scan(cell, x, before)
            after.append(end)
            if dropout is not None and self.spec.dropout:
                x = x * torch.from_numpy(dropout.factors(x.shape, self.spec.dropout, layer)).to(x)
        return x @ self.weight_head + self.bias_head, tuple(after)

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
    """Arrays as tensors of their own, on the CPU."""
    return {name: torch.tensor(array) for name, array in arrays.items()}


def array_of(tensor: Tensor) -> NDArray[np.float32]:
    """A tensor of any device as an array of its own."""
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().copy()
    return array
