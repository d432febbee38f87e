"""The long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000)."""

import torch
from torch import Tensor, nn

from gatelab.cells.base import Cell, GateOverride, State, overridden
from gatelab.specs.cells import LstmSpec


class Lstm(Cell):
    """With state (h, c) and * the elementwise product:

    i, f, o = sigmoid(x W + h U + b), each with its own weights
    g = tanh(x W_g + h U_g + b_g)
    c' = f * c + i * g
    h' = o * tanh(c')

    The blocks of the weights are in the order i, f, g, o.
    """

    states = ("h", "c")
    gates = ("input", "forget", "output")

    def __init__(self, spec: LstmSpec, inputs: int) -> None:
        super().__init__(inputs, spec.hidden, blocks=4)
        self.weight_hidden = nn.Parameter(torch.zeros(spec.hidden, 4 * spec.hidden))

    def update(self, u: Tensor, state: State, gates: GateOverride | None = None) -> State:
        h, c = state
        i, f, g, o = torch.addmm(u, h, self.weight_hidden).chunk(4, dim=1)
        i = overridden(gates, "input", i.sigmoid())
        f = overridden(gates, "forget", f.sigmoid())
        o = overridden(gates, "output", o.sigmoid())
        c = torch.addcmul(f * c, i, g.tanh())
        return o * c.tanh(), c
