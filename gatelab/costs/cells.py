"""Counts of a cell's parameters, and of its operations per token."""

from dataclasses import dataclass

from gatelab.equations import Node, Representation
from gatelab.equations.functions import ARGUMENTS, REDUCTIONS


@dataclass(frozen=True)
class CellCounts:
    """Counts of a layer's parameters, and of its operations per token.

    Attributes:
        input_matrices: matrices (inputs, hidden), each multiplied once by the input.
        matrices: trained matrices (hidden, hidden).
        products: products with such a matrix.
        vectors: trained vectors (hidden,).
        scalars: trained numbers that all units share.
        states: tensors of its state.
        activations: numbers per unit that go through an activation function or into a mean.
        kept: numbers per unit that the backward pass needs, the states among them.
    """

    input_matrices: int
    matrices: int
    products: int
    vectors: int
    scalars: int
    states: int
    activations: int
    kept: int

    def parameters(self, inputs: int, hidden: int) -> int:
        """Trained numbers of a layer."""
        matrices = self.input_matrices * inputs + self.matrices * hidden
        return (matrices + self.vectors) * hidden + self.scalars


def speed_class(kind: str, name: str | None) -> str:
    """A name for cells that take equal time for equal work: those of one kind, and equations of one name."""
    return f"{kind} {name}" if name else kind


def of_equations(found: Representation) -> CellCounts:
    kinds = [parameter.kind for parameter in found.parameters]
    return CellCounts(
        input_matrices=kinds.count("input_matrix"),
        matrices=kinds.count("matrix"),
        products=sum(node.op == "@" for node in found.nodes),
        vectors=kinds.count("vector"),
        scalars=kinds.count("scalar"),
        states=len(found.states),
        activations=max(1, sum(_of_each_unit(node) for node in found.nodes)),
        kept=kinds.count("input_matrix") + len(_kept(found)) + len(found.states),
    )


def _of_each_unit(node: Node) -> bool:
    """Whether a function takes a number of every unit: its value may still be one for all of them."""
    return node.op in ARGUMENTS and (not node.scalar or node.op in REDUCTIONS)


_BY_RESULT = frozenset({"sigmoid", "tanh", "exp", "sqrt", "relu"})
"""Functions whose derivative is known from their result."""
_LINEAR = frozenset({"+", "-", "negative", "gate"}) | REDUCTIONS


def _kept(found: Representation) -> set[int]:
    """The nodes whose values the backward pass needs."""
    kept: set[int] = set()
    for place, node in enumerate(found.nodes):
        if node.op in _BY_RESULT:
            kept.add(place)
        elif node.op not in _LINEAR and all(found.nodes[operand].op != "number" for operand in node.operands):
            kept.update(_behind_gates(found, operand) for operand in node.operands)
    return {
        place for place in kept if not found.nodes[place].scalar and found.nodes[place].op not in ("parameter", "state")
    }


def _behind_gates(found: Representation, place: int) -> int:
    """The node whose value a gate is."""
    while found.nodes[place].op == "gate":
        place = found.nodes[place].operands[0]
    return place
