"""How an engine computes a cell: its phases, and which sums share a loaded operand.

A phase is a set of sums that can be computed at once, with the operations on single units that follow them.
The operands of a phase's products are states, or were computed by an earlier phase. So were those of its means, since a
mean is known when all units are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from gatelab.equations import Representation
from gatelab.equations.functions import REDUCTIONS
from gatelab.equations.sums import Reduction, Sum

WIDEST = 4
"""Sums of a unit that are kept in registers together."""


@dataclass(frozen=True)
class Operand:
    """The operand of matrices: the state `index` before or after the step, or the computed operand `index`.

    Attributes:
        node: its place in the graph.
        phase: the phase that computes it; -1 for a state before the step.
    """

    kind: Literal["before", "after", "computed"]
    index: int
    node: int
    phase: int


@dataclass(frozen=True)
class Chunk:
    """Sums of a phase that are kept in registers together: first those without the input, last those with only the
    input.

    Attributes:
        recurrent: the number of sums, from the first on, that have a recurrent product.
        input_first: the first of the sums that have a product with the input.
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


@dataclass(frozen=True)
class Mean:
    """A mean over the units.

    Attributes:
        node: its place in the graph.
        operand: that of what it is the mean of.
        phase: at whose end it is taken.
    """

    node: int
    operand: int
    phase: int


class Plan:
    """
    Attributes:
        graph: the remaining computations for single units. Its leaves are `sum` (of number `value`), `state`,
            `parameter` and `number`; `name` of a parameter is its letter and of a state its number.
        after: the nodes that are the states after the step.
    """

    def __init__(self, representation: Representation) -> None:
        self.representation = representation
        self.letters = {parameter.name: place for place, parameter in enumerate(representation.parameters)}
        self.graph, self.sums, self.after = Reduction(representation, self.letters).reduced()

    @cached_property
    def levels(self) -> Sequence[int]:
        """For each node of the graph, the number of recurrent products and means on the longest path to it.

        A mean is at least the second of them: what the first phase computes is never complete before its end.
        """
        found: list[int] = []
        for node in self.graph.nodes:
            level = max((found[operand] for operand in node.operands), default=0)
            if node.op == "sum":
                products = self.sums[int(node.value)].products
                level = 1 + max(found[operand] for operand, _ in products) if products else 0
            elif node.op in REDUCTIONS:
                level = max(level, 1) + 1
            found.append(level)
        return found

    @cached_property
    def _first(self) -> int:
        """The first level that has anything to compute."""
        nodes = self.graph.nodes
        multiplied = {operand for each in self.sums for operand, _ in each.products}
        early = any(self.levels[place] == 0 and nodes[place].op != "state" for place in multiplied)
        return 1 if (multiplied or self._reductions) and not early else 0

    @cached_property
    def _reductions(self) -> list[int]:
        return [place for place, node in enumerate(self.graph.nodes) if node.op in REDUCTIONS]

    @cached_property
    def means(self) -> tuple[Mean, ...]:
        operands = [(place, self.graph.nodes[place].operands[0]) for place in self._reductions]
        return tuple(Mean(place, operand, self._phase(operand)) for place, operand in operands)

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
            phase = max((found[operand] for operand in node.operands), default=0)
            if node.op == "sum":
                phase = self.sum_phases[int(node.value)]
            elif node.op in REDUCTIONS:
                phase = self._phase(len(found))
            found.append(phase)
        return found

    @cached_property
    def results(self) -> list[tuple[int, int]]:
        """(node, phase) of all that a step computes for others: operands, also of means, and the states after it."""
        operands = [(operand.node, operand.phase) for operand in self.operands if operand.kind == "computed"]
        operands += [(mean.operand, mean.phase) for mean in self.means]
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
        """These nodes and all nodes from which they are computed."""
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
        if not each.products:
            return 2
        return 0 if each.input is None else 1

    def _nodes_of_sums(self) -> list[tuple[int, Sum]]:
        """(place in the graph, sum), by their numbers."""
        at = {int(node.value): place for place, node in enumerate(self.graph.nodes) if node.op == "sum"}
        return [(at[number], each) for number, each in enumerate(self.sums)]


def _neighbours(letters: Sequence[int | None]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """(place of the first, all) of the sums that are next to one another."""
    begin = 0
    for at, letter in enumerate([*letters, None]):
        if letter is None:
            if part := tuple(each for each in letters[begin:at] if each is not None):
                yield begin, part
            begin = at + 1
