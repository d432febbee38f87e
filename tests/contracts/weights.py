"""Random cells in double precision, and their parameters under the names of the equations."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gatelab.cells import Cell, State, build
from gatelab.specs import CellSpec
from gatelab.specs.packed_parameters import packed_letters, recurrent_letters
from tests.contracts.equations import Array
from tests.randomized import random_states, randomize, tensor


@dataclass(frozen=True)
class Case:
    """A cell with random weights, an input sequence and a state to begin from; all sizes random too."""

    spec: CellSpec
    cell: Cell
    x: Tensor
    state: State


def random_case(spec: CellSpec, random: np.random.Generator, largest: int = 6) -> Case:
    steps, batch, inputs, hidden = (int(n) for n in random.integers(1, largest + 1, size=4))
    spec = spec.model_copy(update={"hidden": hidden})
    cell = build(spec, inputs)
    randomize(cell, random)
    state = random_states(random, cell.states, batch, hidden)
    return Case(spec, cell, tensor(random, steps + 1, batch, inputs), state)


def arrays(tensors: tuple[Tensor, ...]) -> tuple[Array, ...]:
    return tuple(t.detach().numpy() for t in tensors)


def packed(spec: CellSpec, cell: Cell) -> dict[str, Tensor]:
    """A classic cell's parameters side by side, as other implementations have them; `recurrent`: all such matrices."""
    letters = packed_letters(spec) | {"recurrent": recurrent_letters(spec)}
    return {name: torch.cat([cell.get_parameter(each) for each in those], dim=-1) for name, those in letters.items()}


def named(cell: Cell) -> dict[str, Array]:
    """The cell's parameters under the names that the equations use."""
    return {name: parameter.detach().numpy() for name, parameter in cell.named_parameters()}
