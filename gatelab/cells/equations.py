"""Any cell, from the representation of its equations, in PyTorch: this defines what the other engines compute."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from gatelab.cells.base import Cell, GateOverride, State, overridden
from gatelab.equations import Node, Parameter, Representation

OPERATIONS: Mapping[str, Callable[..., Tensor]] = {
    "+": torch.add,
    "-": torch.sub,
    "*": torch.mul,
    "/": torch.div,
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
"""Operation -> what computes it."""


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

    def set_initial_values(self) -> None:
        """Give the parameters whose first values the equations set these values. The others keep theirs."""
        with torch.no_grad():
            for parameter in self.representation.parameters:
                _set_initial(self.get_parameter(parameter.name), parameter)

    def project(self, x: Tensor) -> Tensor:
        weights = torch.cat([self.get_parameter(name) for name in self._reads], dim=1)
        return x @ weights if x.is_floating_point() else functional.embedding(x, weights)

    def update(self, u: Tensor, state: State, gates: GateOverride | None = None) -> State:
        values: list[Tensor] = []
        read = dict(zip(self._reads, u.chunk(len(self._reads), dim=1), strict=True))
        before = dict(zip(self.states, state, strict=True))
        for node in self.representation.nodes:
            operands = [values[place] for place in node.operands]
            values.append(self._value(node, operands, read, before, gates))
        return tuple(values[place].expand_as(state[0]) for place in self.representation.after)

    def _value(
        self,
        node: Node,
        operands: list[Tensor],
        read: Mapping[str, Tensor],
        before: Mapping[str, Tensor],
        gates: GateOverride | None,
    ) -> Tensor:
        match node.op:
            case "read":
                return read[node.name]
            case "state":
                return before[node.name]
            case "parameter":
                return self.get_parameter(node.name)
            case "number":
                return self._like.new_tensor(node.value)
            case "@":
                return operands[0].expand_as(before["h"]) @ self.get_parameter(node.name)
            case "gate":
                # A gate of parameters alone is the same for all sequences; whoever replaces it sees them all.
                return overridden(gates, node.name, operands[0].expand_as(before["h"]) if gates else operands[0])
        return OPERATIONS[node.op](*operands)

    @property
    def _like(self) -> Tensor:
        """A tensor of the cell's precision, where the cell is."""
        return next(self.parameters())


def _set_initial(tensor: Tensor, parameter: Parameter) -> None:
    if parameter.initial == "identity":
        nn.init.eye_(tensor)
    elif parameter.initial is not None:
        tensor.fill_(parameter.initial)
