"""Any cell, from the representation of its equations, in PyTorch: this defines what the other engines compute."""

from collections.abc import Callable
from operator import add, mul, sub, truediv

import torch
from torch import Tensor, nn
from torch.nn import functional

from gatelab.cells.base import Cell, GateOverride, State, overridden
from gatelab.equations import Representation

ARITHMETIC: dict[str, Callable[..., Tensor]] = {"+": add, "-": sub, "*": mul, "/": truediv}
"""Operations that also take a number in the place of one tensor."""

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "negative": torch.neg,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "softplus": functional.softplus,
    "log_sigmoid": functional.logsigmoid,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "abs": torch.abs,
    "sin": torch.sin,
    "cos": torch.cos,
    "hard_sigmoid": functional.hardsigmoid,
    "hard_tanh": functional.hardtanh,
    "max": torch.maximum,
    "min": torch.minimum,
}
OPERATIONS = ARITHMETIC | FUNCTIONS


class EquationCell(Cell):
    """The cell of a representation. Its parameters have the letters of the equations as their names.

    Args:
        representation: what it computes.
        inputs: the size of x.
        hidden: the number of units.
    """

    def __init__(self, representation: Representation, inputs: int, hidden: int) -> None:
        super().__init__(inputs, hidden, blocks=0)
        self.representation = representation
        self.states, self.gates = representation.states, tuple(representation.gates)
        self._reads = representation.input_products
        for parameter in representation.parameters:
            self.register_parameter(parameter.name, nn.Parameter(torch.zeros(parameter.shape(inputs, hidden))))

    def project(self, x: Tensor) -> Tensor:
        weights = self.input_weights
        if x.is_floating_point():
            return torch.cat([x @ weight for weight in weights], dim=-1)
        return functional.embedding(x, torch.cat(weights, dim=1))

    @property
    def input_weights(self) -> list[Tensor]:
        return [self.get_parameter(name) for name in self._reads]

    def update(self, u: Tensor, state: State, gates: GateOverride | None = None) -> State:
        values: list[Tensor | float] = []
        read = dict(zip(self._reads, u.chunk(len(self._reads), dim=1), strict=True))
        before = dict(zip(self.states, state, strict=True))
        for node in self.representation.nodes:
            operands = [values[place] for place in node.operands]
            match node.op:
                case "read":
                    values.append(read[node.name])
                case "state":
                    values.append(before[node.name])
                case "parameter":
                    values.append(self.get_parameter(node.name))
                case "number":
                    values.append(node.value)
                case "@":
                    values.append(self._tensor(operands[0]).expand_as(state[0]) @ self.get_parameter(node.name))
                case "gate":
                    values.append(_gate(node.name, self._tensor(operands[0]), state[0], gates))
                case _:
                    values.append(self._computed(node.op, operands))
        return tuple(self._tensor(values[place]).expand_as(state[0]) for place in self.representation.after)

    def _computed(self, op: str, operands: list[Tensor | float]) -> Tensor:
        if op in ARITHMETIC and any(isinstance(operand, Tensor) for operand in operands):
            return ARITHMETIC[op](*operands)
        return OPERATIONS[op](*map(self._tensor, operands))

    def _tensor(self, value: Tensor | float) -> Tensor:
        """A number in the cell's precision, where the cell is."""
        return value if isinstance(value, Tensor) else next(self.parameters()).new_tensor(value)


def _gate(name: str, activation: Tensor, like: Tensor, gates: GateOverride | None) -> Tensor:
    """A gate of parameters alone is the same for all sequences; what replaces or notes it sees them all."""
    return overridden(gates, name, activation.expand_as(like)) if gates else activation
