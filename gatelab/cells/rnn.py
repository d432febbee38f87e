"""Elman's recurrent network (Elman 1990, "Finding structure in time")."""

import torch
from torch import Tensor, nn

from gatelab.cells.base import Cell, GateOverride, State
from gatelab.specs.cells import RnnSpec


class Rnn(Cell):
    """h' = activation(x W + h U + b), with activation tanh or relu."""

    def __init__(self, spec: RnnSpec, inputs: int) -> None:
        super().__init__(inputs, spec.hidden, blocks=1)
        self.weight_hidden = nn.Parameter(torch.zeros(spec.hidden, spec.hidden))
        self.activation = torch.tanh if spec.activation == "tanh" else torch.relu

    def update(self, u: Tensor, state: State, gates: GateOverride | None = None) -> State:
        (h,) = state
        return (self.activation(torch.addmm(u, h, self.weight_hidden)),)
