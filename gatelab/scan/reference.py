"""The scan as its definition says: one `update` after the other, differentiated by torch."""

import torch
from torch import Tensor

from gatelab.cells import Cell, State, weights_of


def scan(cell: Cell, x: Tensor, state: State) -> tuple[Tensor, State]:
    """Apply `cell` over a sequence.

    Args:
        cell: any cell.
        x: (steps, batch, inputs), or (steps, batch) of integer ids that stand for one-hot rows.
        state: the state before the first step.

    Returns:
        The outputs (steps, batch, hidden), and the state after the last step.
    """
    outputs, weights = [], weights_of(cell)
    for u in cell.project(x).unbind(0):
        state = cell.update(u, state, weights=weights)
        outputs.append(state[0])
    if not outputs:
        return state[0].new_empty(0, *state[0].shape), state
    return torch.stack(outputs), state
