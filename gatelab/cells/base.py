"""What every recurrent cell is: parameters, an initial state, and one step."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

State = tuple[Tensor, ...]
"""The hidden state: tensors of shape (batch, hidden). `state[0]` is the cell's output h."""

GateOverride = Mapping[str, Callable[[Tensor], Tensor]]
"""Gate name -> function of its activation (batch, hidden) that gives the activation to use instead."""


class Cell(nn.Module, ABC):
    """A recurrent cell is its equations: `update` defines it, and every faster engine is checked against a scan of it.

    Weights are stored as rows need them, input before output: x W has W of shape (inputs, blocks * hidden). A bias that
    the equations could merge with another is merged, so that no parameter is redundant.

    Args:
        inputs: the size of x.
        hidden: the number of units.
        blocks: how many products with the input there are, side by side in `weight_input` and `bias`. 0: the cell has
            parameters of its own, and a `project` of its own.

    Attributes:
        states: the names of the tensors of the state; the first is the output.
        gates: the names of the gates.
    """

    states: tuple[str, ...] = ("h",)
    gates: tuple[str, ...] = ()
    weight_input: nn.Parameter
    bias: nn.Parameter

    def __init__(self, inputs: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.inputs, self.hidden = inputs, hidden
        if blocks:
            self.weight_input = nn.Parameter(torch.zeros(inputs, blocks * hidden))
            self.bias = nn.Parameter(torch.zeros(blocks * hidden))

    @property
    def tensors_in_state(self) -> int:
        return len(self.states)

    @property
    def input_weights(self) -> list[Tensor]:
        """The matrices that `project` multiplies the input with."""
        return [self.weight_input]

    def initial_state(self, batch: int) -> State:
        """Zeros of shape (batch, hidden), one for each tensor of the state."""
        like = next(self.parameters())
        return tuple(like.new_zeros(batch, self.hidden) for _ in self.states)

    def project(self, x: Tensor) -> Tensor:
        """The input's side of the equations, for all steps at once: x W + b.

        Args:
            x: (steps, batch, inputs), or (steps, batch) of integer ids that stand for one-hot rows.

        Returns:
            (steps, batch, blocks * hidden)
        """
        if x.is_floating_point():
            return x @ self.weight_input + self.bias
        return functional.embedding(x, self.weight_input + self.bias)

    @abstractmethod
    def update(self, u: Tensor, state: State, gates: GateOverride | None = None) -> State:
        """One step.

        Args:
            u: (batch, blocks * hidden), one step of `project`.
            state: the state before the step.
            gates: replaces the activation of the gates it names.

        Returns:
            The state after the step.
        """


def overridden(gates: GateOverride | None, name: str, activation: Tensor) -> Tensor:
    """`activation`, or what the override for `name` makes of it."""
    return gates[name](activation) if gates and name in gates else activation
