"""The language model: input (one-hot or embedding) -> layers of cells -> linear head over the vocabulary."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gatelab.cells import Cell, State, build
from gatelab.randomness import torch_generator
from gatelab.scan import scan
from gatelab.specs.model import ModelSpec, NormalInitSpec

ModelState = tuple[State, ...]
"""One cell state a layer."""


@dataclass(frozen=True)
class Dropout:
    """Which dropout masks to draw: they are a function of (seed, step, layer) and of nothing else."""

    seed: int
    step: int

    def apply(self, x: Tensor, rate: float, layer: int) -> Tensor:
        """`x` with a share `rate` of its elements zeroed and the others scaled by 1 / (1 - rate)."""
        return x * self.factors(x, rate, layer) if rate else x

    def factors(self, like: Tensor, rate: float, layer: int) -> Tensor:
        """0 or 1 / (1 - rate), for each element of a tensor like this one."""
        generator = torch_generator(like.device, self.seed, "dropout", self.step, layer)
        return torch.empty_like(like).bernoulli_(1 - rate, generator=generator).div_(1 - rate)


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
        """Draw all parameters, but those whose first values the cell's equations set.

        Each is a function of (seed, its name): variants that share one start equal in it.
        """
        init = self.spec.init
        bound = 1 / math.sqrt(self.spec.cell.hidden)
        for name, parameter in self.named_parameters():
            generator = torch_generator(torch.device("cpu"), seed, "init", name)
            values = torch.empty(parameter.shape, dtype=torch.float32)
            if isinstance(init, NormalInitSpec):
                values = values.normal_(0, init.normal, generator=generator) if values.dim() > 1 else values.zero_()
            elif parameter is self.embedding:
                values.normal_(0, 1, generator=generator)
            else:
                values.uniform_(-bound, bound, generator=generator)
            parameter.data.copy_(values)
        for cell in self._cells():
            cell.set_initial_values()

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
            if dropout is not None:
                x = dropout.apply(x, self.spec.dropout, layer)
        return x @ self.weight_head + self.bias_head, tuple(after)

    def cell(self, layer: int) -> Cell:
        """The cell of a layer."""
        return list(self._cells())[layer]

    def _cells(self) -> Iterator[Cell]:
        for cell in self.cells:
            assert isinstance(cell, Cell)
            yield cell
