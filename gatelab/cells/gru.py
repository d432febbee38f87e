"""The gated recurrent unit with any subset of its gates (Cho et al. 2014, arXiv:1406.1078).

Without the update gate z is 0: the candidate is the new state. Without the reset gate r is 1. Without both
it is the tanh RNN. The reset gate acts before the recurrent matrix product (Cho et al., v3) or after it
(v1, cuDNN, torch.nn.GRU): these are different models.
"""

import torch
from torch import Tensor, nn

from gatelab.cells.base import Cell, GateOverride, State, overridden
from gatelab.specs.cells import GruSpec


class Gru(Cell):
    """With z the update gate, r the reset gate and * the elementwise product:

    r = sigmoid(x W_r + h U_r + b_r)
    z = sigmoid(x W_z + h U_z + b_z)
    c = tanh(x W_c + (r * h) U_c + b_c)             reset before
    c = tanh(x W_c + b_c + r * (h U_c + d_c))       reset after
    h' = z * h + (1 - z) * c
    """

    def __init__(self, spec: GruSpec, inputs: int) -> None:
        hidden, gates = spec.hidden, len(spec.gates)
        super().__init__(inputs, hidden, blocks=gates + 1)
        self.gates = spec.gates
        self.reset_after = "reset" in spec.gates and spec.reset == "after"
        self.weight_gates = nn.Parameter(torch.zeros(hidden, gates * hidden)) if gates else None
        self.weight_candidate = nn.Parameter(torch.zeros(hidden, hidden))
        # Only behind the reset gate is a second bias not redundant.
        self.bias_candidate = nn.Parameter(torch.zeros(hidden)) if self.reset_after else None

    def update(self, u: Tensor, state: State, gates: GateOverride | None = None) -> State:
        (h,) = state
        active = self._gates(u, h, gates)
        candidate = torch.tanh(self._candidate(u[:, len(active) * self.hidden :], h, active.get("reset")))
        update = active.get("update")
        return (candidate if update is None else torch.lerp(candidate, h, update),)

    def _gates(self, u: Tensor, h: Tensor, override: GateOverride | None) -> dict[str, Tensor]:
        if self.weight_gates is None:
            return {}
        width = len(self.gates) * self.hidden
        values = torch.addmm(u[:, :width], h, self.weight_gates).sigmoid().chunk(len(self.gates), dim=1)
        return {name: overridden(override, name, v) for name, v in zip(self.gates, values, strict=True)}

    def _candidate(self, u: Tensor, h: Tensor, reset: Tensor | None) -> Tensor:
        if reset is None:
            return torch.addmm(u, h, self.weight_candidate)
        if self.bias_candidate is None:
            return torch.addmm(u, reset * h, self.weight_candidate)
        return torch.addcmul(u, reset, torch.addmm(self.bias_candidate, h, self.weight_candidate))
