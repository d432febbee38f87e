"""The sums of a cell that are added up in registers.

A sum consists of a bias and of products with the input, with the states, or with values computed from them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatelab.equations import Node, Representation
from gatelab.equations.derivatives import Graph


@dataclass(frozen=True)
class Sum:
    """Letters are places among the parameters.

    Attributes:
        input: the matrix of the input; None if the sum has no product with the input.
        bias: the vector with which the sum begins, if any.
        products: (place of the operand in the graph, matrix)
    """

    input: int | None
    bias: int | None
    products: tuple[tuple[int, int], ...]


class Reduction:
    """From a cell's nodes to sums, and a graph of the remaining operations.

    Args:
        gates: whether the graph has nodes for gates; if not, their operands replace them.
    """

    def __init__(self, representation: Representation, letters: Mapping[str, int], *, gates: bool = False) -> None:
        self._nodes, self._letters, self._gates = representation.nodes, letters, gates
        self._states = {name: place for place, name in enumerate(representation.states)}
        self._after = [self._resolved(place) for place in representation.after]
        operands = [[self._resolved(place) for place in node.operands] for node in self._nodes]
        used = self._used(operands)
        self._operands = operands
        self._uses = Counter(self._after)
        self._added_to = Counter[int]()
        for place in used:
            self._uses.update(operands[place])
            if self._nodes[place].op == "+":
                self._added_to.update(operands[place])
        self._used_nodes = used
        self._graph, self._sums = Graph(), list[Sum]()
        self._new: dict[int, int] = {}

    def reduced(self) -> tuple[Graph, tuple[Sum, ...], tuple[int, ...]]:
        """The graph, its sums, and the places of the states after the step."""
        for place in sorted(self._used_nodes):
            node = self._nodes[place]
            if self._is_term(place) and node.op in ("+", "read", "@"):
                continue  # a part of a larger sum, which is made as a whole
            self._new[place] = self._add_up(place) if node.op == "+" else self._made(place)
        return self._graph, tuple(self._sums), tuple(self._new[place] for place in self._after)

    def _resolved(self, place: int) -> int:
        while self._nodes[place].op == "gate" and not self._gates:
            (place,) = self._nodes[place].operands
        return place

    def _used(self, operands: Sequence[Sequence[int]]) -> set[int]:
        found, left = set[int](), list(self._after)
        while left:
            place = left.pop()
            if place not in found:
                found.add(place)
                left.extend(operands[place])
        return found

    def _is_term(self, place: int) -> bool:
        """Whether a node is only used as a term of one sum."""
        return self._uses[place] == self._added_to[place] == 1

    def _made(self, place: int) -> int:
        """The new place of a node that is not part of a sum of several terms."""
        node = self._nodes[place]
        match node.op:
            case "read" | "@":
                return self._sum([place], None)
            case "state":
                return self._graph.add(Node("state", name=str(self._states[node.name])))
            case "parameter":
                return self._graph.add(Node("parameter", name=str(self._letters[node.name])))
            case "number":
                return self._graph.number(node.value)
            case "gate":
                return self._graph.add(Node("gate", (self._new[self._operands[place][0]],), node.name))
        return self._graph.op(node.op, *(self._new[operand] for operand in self._operands[place]))

    def _add_up(self, root: int) -> int:
        """Terms that can be added up in registers become one sum; the other terms are added to it."""
        absorbed, others = list[int](), list[int]()
        bias, operands = None, set[int | None]()
        for place in self._terms(root):
            node = self._nodes[place]
            operand = self._operands[place][0] if node.op == "@" else None
            if node.op in ("read", "@") and self._is_term(place) and operand not in operands:
                operands.add(operand)
                absorbed.append(place)
            elif node.op == "parameter" and not node.scalar and bias is None:
                bias = place
            else:
                others.append(self._made(place) if place not in self._new else self._new[place])
        if absorbed:
            others.insert(0, self._sum(absorbed, bias))
        elif bias is not None:
            others.insert(0, self._new[bias])
        total = others[0]
        for other in others[1:]:
            total = self._graph.op("+", total, other)
        return total

    def _terms(self, root: int) -> list[int]:
        """The terms that are added up at a node, through sums that have no other use, from the left."""
        found, left = list[int](), list(reversed(self._operands[root]))
        while left:
            place = left.pop()
            if self._nodes[place].op == "+" and self._is_term(place):
                left.extend(reversed(self._operands[place]))
            else:
                found.append(place)
        return found

    def _sum(self, products: Sequence[int], bias: int | None) -> int:
        inputs = [place for place in products if self._nodes[place].op == "read"]
        recurrent = [place for place in products if self._nodes[place].op == "@"]
        self._sums.append(
            Sum(
                self._letter(inputs[0]) if inputs else None,
                None if bias is None else self._letter(bias),
                tuple((self._new[self._operands[place][0]], self._letter(place)) for place in recurrent),
            )
        )
        return self._graph.add(Node("sum", value=len(self._sums) - 1))

    def _letter(self, place: int) -> int:
        return self._letters[self._nodes[place].name]
