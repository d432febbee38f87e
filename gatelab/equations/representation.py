"""A cell's computation as a graph: the basis of everything that runs, counts, differentiates or draws a cell.

A node is made after the nodes from which it is computed, so their order is an order of computation. Equal expressions
are one node. Vectors are rows: `W @ x` of the equations is the product x W of a row with a matrix (from, to).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["input_matrix", "matrix", "vector", "scalar"]
"""The kind of a parameter; its shape is (inputs, hidden), (hidden, hidden), (hidden,) or ()."""


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        op: `read` (a matrix times the input), `@` (a matrix times a vector), `state`, `parameter`, `number`, `gate`
            (its operand, which a gate override may replace), `+ - * /`, `negative`, or the name of a function.
        operands: the places of the nodes from which it is computed.
        name: of the matrix, state, parameter or gate.
        value: of a number.
        scalar: whether it is one number for all units; that of a mean differs from sequence to sequence.
    """

    op: str
    operands: tuple[int, ...] = ()
    name: str = ""
    value: float = 0.0
    scalar: bool = False


@dataclass(frozen=True)
class Parameter:
    """A letter of the equations. `initial` is its initial value, if the equations set one."""

    name: str
    kind: Kind
    initial: float | Literal["identity"] | None = None

    def shape(self, inputs: int, hidden: int) -> tuple[int, ...]:
        match self.kind:
            case "input_matrix":
                return (inputs, hidden)
            case "matrix":
                return (hidden, hidden)
            case "vector":
                return (hidden,)
        return ()


@dataclass(frozen=True)
class Representation:
    """A cell.

    Attributes:
        nodes: in an order of computation.
        states: their names; `h`, the output, is the first.
        after: for each state, the place of the node that is its value after the step.
        parameters: in the order in which the equations first use them.
        gates: name -> place of the gate's node.
    """

    nodes: Sequence[Node]
    states: tuple[str, ...]
    after: tuple[int, ...]
    parameters: tuple[Parameter, ...]
    gates: Mapping[str, int]

    @cached_property
    def stages(self) -> Sequence[int]:
        """For each node, the number of recurrent products on the longest path to it, itself included.

        All products of a stage can be computed at once.
        """
        found: list[int] = []
        for node in self.nodes:
            before = max((found[operand] for operand in node.operands), default=0)
            found.append(before + (node.op == "@"))
        return found

    @cached_property
    def input_products(self) -> tuple[str, ...]:
        """The matrices by which the input is multiplied, in the order of their nodes."""
        return tuple(node.name for node in self.nodes if node.op == "read")

    def count(self, inputs: int, hidden: int) -> int:
        """The number of trained parameters."""
        shapes = (parameter.shape(inputs, hidden) for parameter in self.parameters)
        return sum(_size(shape) for shape in shapes)

    @cached_property
    def digest(self) -> str:
        """Equal for cells with the same computation; the only names that matter are those of gates."""
        letters = {parameter.name: place for place, parameter in enumerate(self.parameters)}
        places = {state: place for place, state in enumerate(self.states)}
        nodes = [
            [node.op, node.operands, _anonymous(node, letters, places), node.value.hex(), node.scalar]
            for node in self.nodes
        ]
        kinds = [[parameter.kind, str(parameter.initial)] for parameter in self.parameters]
        return hashlib.sha256(json.dumps([nodes, self.after, kinds]).encode()).hexdigest()


def _anonymous(node: Node, letters: Mapping[str, int], places: Mapping[str, int]) -> str | int:
    """The number of the parameter or state that a node names; the name of a gate."""
    if node.op == "gate":
        return node.name
    return places[node.name] if node.op == "state" else letters.get(node.name, -1)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size
