"""Random cells in double precision, and their parameters under the names of the equations."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gatelab.cells import Cell, State, build
from gatelab.specs import CellSpec, EquationsSpec, GruSpec, LstmSpec, RnnSpec
from tests.contracts.equations import Array
from tests.randomized import randomize, tensor


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
    state = tuple(tensor(random, batch, hidden) for _ in range(cell.tensors_in_state))
    return Case(spec, cell, tensor(random, steps + 1, batch, inputs), state)


def arrays(tensors: tuple[Tensor, ...]) -> tuple[Array, ...]:
    return tuple(t.detach().numpy() for t in tensors)


def blocks(spec: CellSpec) -> str:
    """The letters of the column blocks of `weight_input`, in order."""
    match spec:
        case RnnSpec():
            return "h"
        case GruSpec(gates=gates):
            return "".join(name[0] for name in gates) + "c"
        case LstmSpec():
            return "ifgo"
        case EquationsSpec():
            raise ValueError("its parameters have names of their own")


def hidden_weight(cell: Cell) -> Tensor:
    """The recurrent matrices of all blocks, side by side."""
    parts = [getattr(cell, name, None) for name in ("weight_hidden", "weight_gates", "weight_candidate")]
    return torch.cat([part for part in parts if part is not None], dim=1)


def named(spec: CellSpec, cell: Cell) -> dict[str, Array]:
    """The cell's parameters under the names that the equations use."""
    if isinstance(spec, EquationsSpec):
        return {name: parameter.detach().numpy() for name, parameter in cell.named_parameters()}
    letters = blocks(spec)
    found = {"d_c": np.zeros(cell.hidden)}  # without a reset gate behind the product, the second bias is redundant
    for letter, block in (("W", cell.weight_input), ("U", hidden_weight(cell)), ("b", cell.bias)):
        pieces = np.split(block.detach().numpy(), len(letters), axis=-1)
        found |= {f"{letter}_{of}": piece for of, piece in zip(letters, pieces, strict=True)}
    second = getattr(cell, "bias_candidate", None)
    return found if second is None else found | {"d_c": second.detach().numpy()}
