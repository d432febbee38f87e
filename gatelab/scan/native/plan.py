"""How the native engine computes a cell: its sums, its phases, and which sums share what is loaded.

A sum is what is added up in registers: products with the input and with the states or what was computed from them,
and a bias. A phase is a set of sums that can be computed at once, with the operations on single units that follow them.
The operands of a phase's products are states, or were computed by an earlier phase.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from gatelab.equations import Node, Representation
from gatelab.equations.derivatives import Graph

WIDEST = 4
"""Sums of a unit that are kept in registers together."""


@dataclass(frozen=True)
class Sum:
    """Letters are places among the parameters.

    Attributes:
        input: the matrix of the input; None where it takes no part.
        bias: the vector that it begins with, if any.
        products: (place of the operand in the graph, matrix)
    """

    input: int | None
    bias: int | None
    products: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Operand:
    """What matrices multiply: the state `index` before or after the step, or the computed operand `index`.

    Attributes:
        node: its place in the graph.
        phase: which computes it; -1 for a state before the step.
    """

    kind: Literal["before", "after", "computed"]
    index: int
    node: int
    phase: int


@dataclass(frozen=True)
class Chunk:
    """Sums of a phase that are kept in registers together: those without the input first, those with it alone last.

    Attributes:
        recurrent: how many from the first on have a recurrent product.
        input_first: from which on they have a product with the input.
    """

    phase: int
    sums: tuple[int, ...]
    recurrent: int
    input_first: int


@dataclass(frozen=True)
class Run:
    """The products of one operand with neighbouring sums of a chunk, from `first` on; one matrix each."""

    chunk: int
    operand: int
    first: int
    letters: tuple[int, ...]


class Plan:
    """
    Attributes:
        graph: what is left to compute for single units. Its leaves are `sum` (of number `value`), `state`, `parameter`
            and `number`; `name` of a parameter is its letter and of a state its number.
        after: the nodes that are the states after the step.
    """

    def __init__(self, representation: Representation) -> None:
        self.representation = representation
        self.letters = {parameter.name: place for place, parameter in enumerate(representation.parameters)}
        self.graph, self.sums, self.after = _Reduction(representation, self.letters).reduced()

    @cached_property
    def levels(self) -> Sequence[int]:
        """For each node of the graph, how many recurrent products lie one behind another on the longest way to it."""
        found: list[int] = []
        for node in self.graph.nodes:
            level = max((found[operand] for operand in node.operands), default=0)
            if node.op == "sum":
                products = self.sums[int(node.value)].products
                level = 1 + max(found[operand] for operand, _ in products) if products else 0
            found.append(level)
        return found

    @cached_property
    def _first(self) -> int:
        """The first level that has anything to compute."""
        nodes = self.graph.nodes
        multiplied = {operand for each in self.sums for operand, _ in each.products}
        early = any(self.levels[place] == 0 and nodes[place].op != "state" for place in multiplied)
        return 0 if early or not multiplied else 1

    @cached_property
    def phases(self) -> int:
        return max(self.levels) - self._first + 1

    @cached_property
    def operands(self) -> tuple[Operand, ...]:
        found: list[Operand] = []
        for node in sorted({operand for each in self.sums for operand, _ in each.products}):
            if self.graph.nodes[node].op == "state":
                found.append(Operand("before", int(self.graph.nodes[node].name), node, -1))
            elif node in self.after:
                found.append(Operand("after", self.after.index(node), node, self._phase(node)))
            else:
                computed = sum(operand.kind == "computed" for operand in found)
                found.append(Operand("computed", computed, node, self._phase(node)))
        return tuple(found)

    @cached_property
    def after_phases(self) -> tuple[int, ...]:
        """For each state, the phase that computes it."""
        return tuple(self._phase(node) for node in self.after)

    @cached_property
    def sum_phases(self) -> Sequence[int]:
        """For each sum, its phase. A product with the input alone has the first phase that needs it."""
        found = [self._phase(place) if each.products else -1 for place, each in self._nodes_of_sums()]
        for phase in range(self.phases):
            for place in self.reached([node for node, at in self.results if at == phase]):
                node = self.graph.nodes[place]
                if node.op == "sum" and found[int(node.value)] < 0:
                    found[int(node.value)] = phase
        return found

    @cached_property
    def node_phases(self) -> Sequence[int]:
        """For each node of the graph, the phase in which it can be computed."""
        found: list[int] = []
        for node in self.graph.nodes:
            before = max((found[operand] for operand in node.operands), default=0)
            found.append(self.sum_phases[int(node.value)] if node.op == "sum" else before)
        return found

    @cached_property
    def results(self) -> list[tuple[int, int]]:
        """(node, phase) of all that a step computes for others: operands, and the states after it."""
        operands = [(operand.node, operand.phase) for operand in self.operands if operand.kind == "computed"]
        return operands + list(zip(self.after, self.after_phases, strict=True))

    @cached_property
    def chunks(self) -> tuple[Chunk, ...]:
        found: list[Chunk] = []
        for phase in range(self.phases):
            sums = [place for place, at in enumerate(self.sum_phases) if at == phase]
            sums.sort(key=lambda place: (self._kind(place), [node for node, _ in self.sums[place].products], place))
            pieces = -(-len(sums) // WIDEST)
            for piece in range(pieces):
                part = tuple(sums[len(sums) * piece // pieces : len(sums) * (piece + 1) // pieces])
                kinds = [self._kind(place) for place in part]
                found.append(Chunk(phase, part, len(part) - kinds.count(2), kinds.count(0)))
        return tuple(found)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        found: list[Run] = []
        for number, chunk in enumerate(self.chunks):
            for place, operand in enumerate(self.operands):
                letters = [dict(self.sums[each].products).get(operand.node) for each in chunk.sums]
                found.extend(Run(number, place, first, part) for first, part in _neighbours(letters))
        return tuple(found)

    @cached_property
    def vectors(self) -> tuple[int, ...]:
        """The letters of the vectors and scalars that single units are computed with."""
        used = (self.graph.nodes[place] for place in sorted(self.reached([node for node, _ in self.results])))
        return tuple(int(node.name) for node in used if node.op == "parameter")

    def place_of_sum(self, number: int) -> tuple[int, int]:
        """(chunk, place in it) of a sum."""
        return next((c, chunk.sums.index(number)) for c, chunk in enumerate(self.chunks) if number in chunk.sums)

    def reached(self, nodes: Sequence[int]) -> set[int]:
        """All nodes that these are computed from, and they themselves."""
        found, left = set[int](), list(nodes)
        while left:
            place = left.pop()
            if place not in found:
                found.add(place)
                left.extend(self.graph.nodes[place].operands)
        return found

    def _phase(self, place: int) -> int:
        return max(self.levels[place] - self._first, 0)

    def _kind(self, place: int) -> int:
        """0: a sum without the input, 1: with both, 2: with the input alone."""
        each = self.sums[place]
        return 2 if not each.products else 0 if each.input is None else 1

    def _nodes_of_sums(self) -> list[tuple[int, Sum]]:
        """(place in the graph, sum), by their numbers."""
        at = {int(node.value): place for place, node in enumerate(self.graph.nodes) if node.op == "sum"}
        return [(at[number], each) for number, each in enumerate(self.sums)]


def _neighbours(letters: Sequence[int | None]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """(place of the first, all) of those that stand beside one another."""
    begin = 0
    for at, letter in enumerate([*letters, None]):
        if letter is None:
            if part := tuple(each for each in letters[begin:at] if each is not None):
                yield begin, part
            begin = at + 1


class _Reduction:
    """From a cell's nodes to sums, and a graph of what else there is. Gates are what they are computed from."""

    def __init__(self, representation: Representation, letters: dict[str, int]) -> None:
        self._nodes, self._letters = representation.nodes, letters
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
                continue  # a part of the sum that is made for the whole
            self._new[place] = self._add_up(place) if node.op == "+" else self._made(place)
        return self._graph, tuple(self._sums), tuple(self._new[place] for place in self._after)

    def _resolved(self, place: int) -> int:
        while self._nodes[place].op == "gate":
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
        """Whether it is nothing but a term of one sum."""
        return self._uses[place] == self._added_to[place] == 1

    def _made(self, place: int) -> int:
        """The new place of a node that is not a part of a sum of several terms."""
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
        return self._graph.op(node.op, *(self._new[operand] for operand in self._operands[place]))

    def _add_up(self, root: int) -> int:
        """What can be added up in registers is one sum; everything else is added to it."""
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
        """What is added up at a node, through sums of which it alone makes use, from the left."""
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
