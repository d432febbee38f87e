"""The layout of a cell's scan in the arrays that Triton's kernels share."""

from dataclasses import dataclass
from functools import cached_property

from gatelab.equations import Representation
from gatelab.equations.padding import stays_empty
from gatelab.equations.plan import Operand, Plan
from gatelab.equations.schedule import Schedule
from gatelab.equations.sums import Sum


@dataclass(frozen=True)
class Product:
    """The product of an operand with a matrix, for the sum at this place; `letter` is the matrix's parameter."""

    operand: int
    sum: int
    letter: int


class Layout:
    """
    Attributes:
        schedule: what each phase computes.
        sums: the numbers of the plan's sums in the order of the layout. Those with the input come first, and those
            that multiply the same operand are side by side if possible.
    """

    def __init__(self, representation: Representation) -> None:
        self.representation = representation
        self.schedule = Schedule(Plan(representation))
        self.plan = self.schedule.plan
        self.sums = tuple(sorted(range(len(self.plan.sums)), key=self._order))

    @staticmethod
    def _kind(each: Sum) -> int:
        """0: a sum of the input alone, 1: with products, 2: without the input."""
        if each.input is None:
            return 2
        return 1 if each.products else 0

    def _order(self, number: int) -> tuple[int, list[int], int]:
        each = self.plan.sums[number]
        return self._kind(each), sorted(operand for operand, _ in each.products), number

    @property
    def states(self) -> int:
        return len(self.plan.after)

    @property
    def operands(self) -> tuple[Operand, ...]:
        return self.plan.operands

    @cached_property
    def computed(self) -> int:
        """The number of operands that are neither states before nor states after the step."""
        return sum(operand.kind == "computed" for operand in self.operands)

    @cached_property
    def inputs(self) -> tuple[tuple[int, int | None], ...]:
        """The letters of the input's matrix and of the bias, of each sum with the input."""
        those = (self.plan.sums[number] for number in self.sums)
        return tuple((each.input, each.bias) for each in those if each.input is not None)

    @cached_property
    def biases(self) -> tuple[tuple[int, int], ...]:
        """(place of the sum, letter) of the biases of sums without the input."""
        those = ((place, self.plan.sums[number]) for place, number in enumerate(self.sums))
        return tuple((place, each.bias) for place, each in those if each.input is None and each.bias is not None)

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """The products in the order of their matrices: operand by operand, and sum by sum."""
        found = []
        for place, number in enumerate(self.sums):
            letters = dict(self.plan.sums[number].products)
            nodes = enumerate(operand.node for operand in self.operands)
            found += [Product(o, place, letters[node]) for o, node in nodes if node in letters]
        return tuple(sorted(found, key=lambda product: (product.operand, product.sum)))

    @property
    def vectors(self) -> tuple[int, ...]:
        """The letters of the vectors and scalars that single units are computed with."""
        return self.plan.vectors

    @cached_property
    def varies(self) -> tuple[bool, ...]:
        """For each node of the schedule's graph, whether it differs from sequence to sequence."""
        found: list[bool] = []
        for node in self.schedule.graph.nodes:
            leaf = not node.operands and node.op not in ("parameter", "number")
            found.append(leaf or any(found[operand] for operand in node.operands))
        return tuple(found)

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """The nodes that are kept for later phases and for the backward pass.

        Nodes of parameters alone are not kept, nor are functions of one state after the step, which is stored anyway.
        """
        nodes, after = self.schedule.graph.nodes, set(self.plan.after)
        found = []
        for place, node in enumerate(self.schedule.kept):
            of_states = bool(nodes[node].operands) and after.issuperset(nodes[node].operands)
            if self.varies[node] and not (of_states and place >= self.schedule.carried):
                found.append(node)
        return tuple(found)

    @cached_property
    def gradients(self) -> dict[int, int]:
        """Place of a sum -> node of its gradient."""
        stores = (each for steps in self.schedule.backward for each in steps.stores)
        return {self.place_of(numbers): node for what, numbers, node in stores if what == "set_d_sum"}

    def place_of(self, numbers: tuple[int, ...]) -> int:
        """The place of the sum that the plan has in this chunk, at this place of it."""
        chunk, at = numbers
        return self.sums.index(self.plan.chunks[chunk].sums[at])

    @cached_property
    def keeps_gradient_of_after(self) -> bool:
        """Whether a phase other than the last needs the gradient of a state after the step."""
        phases = self.schedule.backward[:-1]
        return any(what == "d_after" for steps in phases for what, _ in steps.loads.values())

    @cached_property
    def masked(self) -> bool:
        """Whether columns beyond `hidden` would affect the others unless they are set to 0."""
        return not stays_empty(self.schedule)
