"""Any cell, from its equations, in PyTorch: this defines what the other engines compute."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import add, mul, sub, truediv

import torch
from torch import Tensor, nn
from torch.nn import functional

from gatelab.equations import Representation
from gatelab.equations.sums import Reduction, Sum

State = tuple[Tensor, ...]
"""The hidden state: tensors of shape (batch, hidden). `state[0]` is the cell's output h."""

GateOverride = Mapping[str, Callable[[Tensor], Tensor]]
"""Gate name -> function of its activation (batch, hidden) that gives the activation to use instead."""

ARITHMETIC: dict[str, Callable[..., Tensor]] = {"+": add, "-": sub, "*": mul, "/": truediv}
"""Operations that also take a number instead of one tensor."""

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
    "mean": lambda a: a.mean(dim=-1, keepdim=True),
}
OPERATIONS = ARITHMETIC | FUNCTIONS


@dataclass(frozen=True)
class Group:
    """Sums that are computed side by side, as one product with each of their operands.

    Attributes:
        numbers: of the sums.
        operands: places of the nodes that matrices multiply; empty if the sums have only products with the input.
        inputs: the names of the input's matrices, one for each sum; or none.
        biases: the names of the sums' biases, for those that have one.
        matrices: for each operand, one name for each sum.
    """

    numbers: tuple[int, ...]
    operands: tuple[int, ...]
    inputs: tuple[str, ...]
    biases: tuple[str | None, ...]
    matrices: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Weights:
    """The weights that all steps share: the matrices of each group, and its bias if the input is not part of it."""

    matrices: Sequence[Sequence[Tensor]]
    biases: Sequence[Tensor | None]


class Cell(nn.Module):
    """The cell of a representation. Its parameters have the letters of the equations as their names.

    Args:
        representation: what it computes.
        inputs: the size of x.
        hidden: the number of units.

    Attributes:
        states: the names of the tensors of the state; the first is the output.
        gates: the names of the gates.
    """

    def __init__(self, representation: Representation, inputs: int, hidden: int) -> None:
        super().__init__()
        self.representation, self.inputs, self.hidden = representation, inputs, hidden
        self.states, self.gates = representation.states, tuple(representation.gates)
        for parameter in representation.parameters:
            self.register_parameter(parameter.name, nn.Parameter(torch.zeros(parameter.shape(inputs, hidden))))
        self._names = [parameter.name for parameter in representation.parameters]
        letters = {name: number for number, name in enumerate(self._names)}
        graph, sums, self._after = Reduction(representation, letters, gates=True).reduced()
        self._nodes = graph.nodes
        self._groups = _groups(sums, self._names)
        self._group_of = {number: at for at, group in enumerate(self._groups) for number in group.numbers}
        self._widths = [len(group.numbers) * hidden for group in self._groups if group.inputs]

    @property
    def input_weights(self) -> list[Tensor]:
        """The matrices by which `project` multiplies the input."""
        return [self.get_parameter(name) for group in self._groups for name in group.inputs]

    def initial_state(self, batch: int) -> State:
        """Zeros of shape (batch, hidden), one for each tensor of the state."""
        like = next(self.parameters())
        return tuple(like.new_zeros(batch, self.hidden) for _ in self.states)

    def project(self, x: Tensor) -> Tensor:
        """The input's side of the equations, for all steps at once: x W + b of all sums with such a product.

        Args:
            x: (steps, batch, inputs), or (steps, batch) of integer ids that stand for one-hot rows.

        Returns:
            (steps, batch, sums * hidden)
        """
        weight = _beside(self.input_weights)
        bias = self._bias([bias for group in self._groups if group.inputs for bias in group.biases])
        if x.is_floating_point():
            return x @ weight if bias is None else x @ weight + bias
        return functional.embedding(x, weight if bias is None else weight + bias)

    def update(
        self,
        u: Tensor,
        state: State,
        gates: GateOverride | None = None,
        weights: Weights | None = None,
        dropout: Tensor | None = None,
    ) -> State:
        """One step.

        Args:
            u: (batch, sums * hidden), one step of `project`.
            state: the state before the step.
            gates: replaces the activation of the gates it names.
            weights: of `weights_of`, where many steps share them.
            dropout: (batch, hidden) a mask for everything that a recurrent matrix multiplies.

        Returns:
            The state after the step.
        """
        given = iter(torch.split(u, self._widths, dim=1) if len(self._widths) > 1 else [u])
        inputs = [next(given) if group.inputs else None for group in self._groups]
        weights = weights or weights_of(self)
        values: list[Tensor | float] = []
        sums: dict[int, Tensor] = {}
        for node in self._nodes:
            match node.op:
                case "sum":
                    if (number := int(node.value)) not in sums:
                        at = self._group_of[number]
                        operands = [self._of_all(values[o], state[0]) for o in self._groups[at].operands]
                        if dropout is not None:
                            operands = [operand * dropout for operand in operands]
                        sums.update(self._sums(at, inputs[at], operands, weights))
                    values.append(sums[number])
                case "state":
                    values.append(state[int(node.name)])
                case "parameter":
                    values.append(self.get_parameter(self._names[int(node.name)]))
                case "number":
                    values.append(node.value)
                case "gate":
                    activation = values[node.operands[0]]
                    # An override gets the gate's activation for all sequences.
                    values.append(
                        overridden(gates, node.name, self._of_all(activation, state[0])) if gates else activation
                    )
                case _:
                    values.append(self._computed(node.op, [values[operand] for operand in node.operands]))
        return tuple(self._of_all(values[place], state[0]) for place in self._after)

    def _sums(
        self, at: int, given: Tensor | None, operands: Sequence[Tensor], weights: Weights
    ) -> Iterator[tuple[int, Tensor]]:
        total = weights.biases[at] if given is None else given
        for operand, matrix in zip(operands, weights.matrices[at], strict=True):
            total = operand @ matrix if total is None else torch.addmm(total, operand, matrix)
        assert total is not None, "a sum has a product"
        numbers = self._groups[at].numbers
        return zip(numbers, total.chunk(len(numbers), dim=1) if len(numbers) > 1 else [total], strict=True)

    def _bias(self, names: Sequence[str | None]) -> Tensor | None:
        """Biases side by side, with 0 for a missing one; None if all are missing."""
        if not any(names):
            return None
        none = next(self.parameters()).new_zeros(self.hidden)
        return _beside([none if name is None else self.get_parameter(name) for name in names])

    def _computed(self, op: str, operands: list[Tensor | float]) -> Tensor:
        if op in ARITHMETIC and any(isinstance(operand, Tensor) for operand in operands):
            return ARITHMETIC[op](*operands)
        return OPERATIONS[op](*map(self._tensor, operands))

    def _of_all(self, value: Tensor | float, like: Tensor) -> Tensor:
        """(batch, hidden). A mean is the same for all units, what comes of parameters alone for all sequences."""
        found = self._tensor(value)
        whole = found.dim() == like.dim() and found.shape[-1] == like.shape[-1]
        return found if whole else found.expand_as(like)

    def _tensor(self, value: Tensor | float) -> Tensor:
        """A number in the cell's precision, on the cell's device."""
        return value if isinstance(value, Tensor) else next(self.parameters()).new_tensor(value)


def weights_of(cell: Cell) -> Weights:
    """The cell's matrices in the layout of its products, for all steps that share them."""
    return Weights(
        [[_beside([cell.get_parameter(name) for name in names]) for names in group.matrices] for group in cell._groups],
        [None if group.inputs else cell._bias(group.biases) for group in cell._groups],
    )


def overridden(gates: GateOverride, name: str, activation: Tensor) -> Tensor:
    """`activation`, or the result of the override for `name`."""
    return gates[name](activation) if name in gates else activation


def _beside(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors), dim=-1)


def _beginning(each: Sum) -> str:
    """The term to which a sum adds its products."""
    if each.input is not None:
        return "input"
    return "bias" if each.bias is not None else ""


def _groups(sums: Sequence[Sum], names: Sequence[str]) -> list[Group]:
    together: dict[tuple[object, ...], list[int]] = {}
    for number, each in enumerate(sums):
        together.setdefault((_beginning(each), *(operand for operand, _ in each.products)), []).append(number)
    found = []
    for numbers in together.values():
        these = [sums[number] for number in numbers]
        products = list(zip(*(each.products for each in these), strict=True))
        found.append(
            Group(
                tuple(numbers),
                tuple(operand for operand, _ in these[0].products),
                tuple(names[each.input] for each in these if each.input is not None),
                tuple(None if each.bias is None else names[each.bias] for each in these),
                tuple(tuple(names[letter] for _, letter in product) for product in products),
            )
        )
    return found
