"""The scan by its definition: one `update` after the other, differentiated by PyTorch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gatelab.cells import Cell, State, weights_of


@dataclass(frozen=True)
class Noise:
    """Dropout and zoneout in the recurrence of a layer.

    Attributes:
        recurrent: (batch, hidden) a mask for everything that a recurrent matrix multiplies; None without one.
        zoneout: which numbers of the state keep their old value, (steps, tensors, batch, hidden); or the share of the
            old value that every number keeps, as in evaluation; 0 without zoneout.
    """

    recurrent: Tensor | None = None
    zoneout: Tensor | float = 0.0

    def after(self, step: int, before: State, computed: State) -> State:
        """The state after a step, from the state before it and the cell's result."""
        if isinstance(self.zoneout, Tensor):
            masks = self.zoneout[step]
            return tuple(torch.where(*each) for each in zip(masks, before, computed, strict=True))
        if not self.zoneout:
            return computed
        kept = self.zoneout
        return tuple(kept * old + (1 - kept) * new for old, new in zip(before, computed, strict=True))


QUIET = Noise()


def scan(cell: Cell, x: Tensor, state: State, noise: Noise = QUIET) -> tuple[Tensor, State]:
    """Apply `cell` over a sequence.

    Args:
        cell: any cell.
        x: (steps, batch, inputs), or (steps, batch) of integer ids that stand for one-hot rows.
        state: the state before the first step.

    Returns:
        The outputs (steps, batch, hidden), and the state after the last step.
    """
    outputs, weights = [], weights_of(cell)
    for step, u in enumerate(cell.project(x).unbind(0)):
        state = noise.after(step, state, cell.update(u, state, weights=weights, dropout=noise.recurrent))
        outputs.append(state[0])
    if not outputs:
        return state[0].new_empty(0, *state[0].shape), state
    return torch.stack(outputs), state
