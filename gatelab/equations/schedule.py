"""What each phase of a cell loads, computes and stores, forward and back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from gatelab.equations import Node
from gatelab.equations.derivatives import Graph, add_up, reverse
from gatelab.equations.functions import REDUCTIONS
from gatelab.equations.plan import Plan

EXPENSIVE = frozenset(
    {"sigmoid", "tanh", "exp", "log", "sqrt", "softplus", "log_sigmoid", "silu", "gelu", "sin", "cos"}
)
"""What is kept for the backward pass and for later phases. Everything else is computed again."""

Store: TypeAlias = tuple[str, tuple[int, ...], int]
"""A stored value: its kind, its numbers and its node."""


@dataclass
class Steps:
    """What one phase does, in this order.

    Attributes:
        loads: node -> its source: (kind, number).
        computed: the nodes that it computes.
        stores: the values that it stores.
    """

    loads: dict[int, tuple[str, int]] = field(default_factory=dict)
    computed: list[int] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)


class Schedule:
    """
    Attributes:
        plan: the plan that is scheduled.
        forward, backward: the work of each phase.
        kept: nodes, in the order of their places; the first `carried` of them are read by later phases.
        crossing: derivatives that a phase computes for those that come after it in the backward pass.
        back_means: derivatives that are means over the units.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.graph = Graph(plan.graph.nodes)
        self._values = len(self.graph.nodes)
        self._when: dict[int, int] = {}
        self._stores_back = self._derivatives()
        self.crossing: list[int] = []
        self.back_means: list[int] = []
        needed_back = self._needed_back()
        back = _kept(needed_back)
        needed = self._needed_forward(back)
        carried = _kept(needed)
        self.carried = len(carried)
        self.kept = [*sorted(carried), *sorted(back - carried)]
        self.forward = [self._numbered(steps) for steps in needed]
        self.backward = [self._numbered(steps) for steps in needed_back]

    # -- Forward ------------------------------------------------------------------------------------------------------

    def _needed_forward(self, back: set[int]) -> list[Steps]:
        """Schedule from the last phase on, so that each knows what later phases, and the pass `back`, need from it."""
        found, owed = list[Steps](), set(back)
        after = {node: s for s, node in enumerate(self.plan.after)}

        def source(phase: int, place: int) -> tuple[str, int] | None:
            node = self.graph.nodes[place]
            if node.op in REDUCTIONS and self.plan.node_phases[place] == phase:
                return "mean", self._mean(place)
            if self.plan.node_phases[place] < phase:
                if place in after and self.plan.after_phases[after[place]] < phase and node.op != "state":
                    return "after", after[place]
                if _is_kept(node):
                    return "kept", place
            return ("sum", int(node.value)) if node.op == "sum" else self._leaf(place)

        for phase in reversed(range(self.plan.phases)):
            keep = [node for node in sorted(owed) if self.plan.node_phases[node] == phase]
            stores = self._results(phase) + [("keep", (node,), node) for node in keep]
            steps = self._closure(stores, partial(source, phase))
            owed.update(_kept([steps]))
            found.insert(0, steps)
        return found

    def _results(self, phase: int) -> list[Store]:
        """The values that a phase computes for others."""
        computed: list[Store] = [
            ("set_operand", (operand.index,), operand.node)
            for operand in self.plan.operands
            if operand.kind == "computed" and operand.phase == phase
        ]
        computed += [
            ("set_mean", (number,), mean.operand) for number, mean in enumerate(self.plan.means) if mean.phase == phase
        ]
        pairs = zip(self.plan.after, self.plan.after_phases, strict=True)
        return computed + [("set_after", (s,), node) for s, (node, at) in enumerate(pairs) if at == phase]

    def _mean(self, place: int) -> int:
        """The number of a mean, by its place in the graph."""
        return [mean.node for mean in self.plan.means].index(place)

    # -- Backward -----------------------------------------------------------------------------------------------------

    def _derivatives(self) -> list[list[Store]]:
        """By phase: the values that the backward pass stores. Adds the derivatives to the graph."""
        plan, last = self.plan, self.plan.phases - 1
        seeds: dict[int, list[int]] = {}
        for state, node in enumerate(plan.after):
            leaf = self.graph.add(Node("d_after", name=str(state)))
            self._when[leaf] = last
            seeds.setdefault(node, []).append(leaf)
        for number, operand in enumerate(plan.operands):
            if operand.kind != "before":
                leaf = self.graph.add(Node("d_operand", name=str(number)))
                used = [plan.chunks[run.chunk].phase for run in plan.runs if run.operand == number]
                self._when[leaf] = min(used) - 1
                seeds.setdefault(operand.node, []).append(leaf)
        self._seeds = frozenset(self._when)
        leaves = reverse(self.graph, seeds, lambda place: -self.when(place))
        return self._stores(leaves, last)

    def _stores(self, leaves: Mapping[int, Sequence[int]], last: int) -> list[list[Store]]:
        zero = self.graph.number(0.0)
        stores: list[list[Store]] = [[] for _ in range(self.plan.phases)]
        begun = set[int]()
        for place in range(self._values):
            node, parts = self.graph.nodes[place], leaves.get(place, [])
            if node.op == "sum":
                number = int(node.value)
                total = add_up(self.graph, parts) if parts else zero
                stores[min(self.when(total), last)].append(("set_d_sum", self.plan.place_of_sum(number), total))
            elif parts:
                number = int(node.name) if node.op == "state" else self.plan.vectors.index(int(node.name))
                for phase in sorted({self.when(part) for part in parts}, reverse=True):
                    total = add_up(self.graph, [part for part in parts if self.when(part) == phase])
                    first = node.op == "state" and phase == last
                    begun.update({number} if first else ())
                    added = "add_d_before" if node.op == "state" else "add_d_vector"
                    stores[phase].append(("set_d_before" if first else added, (number,), total))
        stores[last] += [("set_d_before", (s,), zero) for s in range(len(self.plan.after)) if s not in begun]
        return stores

    def when(self, place: int) -> int:
        """The phase in which a derivative can be computed; the number of phases if every phase can."""
        left = [place]
        while left:
            at = left[-1]
            if at in self._when:
                left.pop()
                continue
            operands = self.graph.nodes[at].operands if at >= self._values else ()
            if missing := [each for each in operands if each not in self._when]:
                left.extend(missing)
                continue
            first = min((self._when[each] for each in operands), default=self.plan.phases)
            # A mean is taken between two phases.
            self._when[at] = first - (at >= self._values and self.graph.nodes[at].op in REDUCTIONS)
            left.pop()
        return self._when[place]

    def _needed_back(self) -> list[Steps]:
        """From the first forward phase, the last of the backward pass, so that each knows what others need."""
        found, owed, means = list[Steps](), set[int](), set[int]()
        after = {node: s for s, node in enumerate(self.plan.after)}

        def source(phase: int, place: int) -> tuple[str, int] | None:
            node = self.graph.nodes[place]
            if place >= self._values and node.op in REDUCTIONS and phase == self.when(place):
                return "d_mean", place
            if place in self._seeds:
                return node.op, int(node.name)
            if place >= self._values:
                return ("crossing", place) if phase < self.when(place) < self.plan.phases else self._leaf(place)
            if place in after and node.op != "state":
                return "after", after[place]
            return ("kept", place) if _is_kept(node) else self._leaf(place)

        for phase in range(self.plan.phases):
            stores = [*self._stores_back[phase], *(("cross", (n,), n) for n in sorted(owed) if self.when(n) == phase)]
            stores += [each for each in self._results(phase) if each[0] == "set_operand"]
            stores += [
                ("set_d_mean", (n,), self.graph.nodes[n].operands[0])
                for n in sorted(means)
                if self.when(n) + 1 == phase
            ]
            steps = self._closure(stores, partial(source, phase))
            owed.update(node for node, (what, _) in steps.loads.items() if what == "crossing")
            means.update(node for node, (what, _) in steps.loads.items() if what == "d_mean")
            found.append(steps)
        self.crossing, self.back_means = sorted(owed), sorted(means)
        return found

    # -- Both ---------------------------------------------------------------------------------------------------------

    def _leaf(self, place: int) -> tuple[str, int] | None:
        """The source of a node without operands; None if it has operands."""
        node = self.graph.nodes[place]
        match node.op:
            case "state":
                return "before", int(node.name)
            case "parameter":
                return "vector", self.plan.vectors.index(int(node.name))
            case "number":
                return "number", 0
        return None

    def _closure(
        self,
        stores: list[Store],
        source: Callable[[int], tuple[str, int] | None],
    ) -> Steps:
        """Everything that must be loaded and computed for the stored values."""
        steps, left, seen = Steps(stores=stores), [node for _, _, node in stores], set[int]()
        while left:
            place = left.pop()
            if place in seen:
                continue
            seen.add(place)
            if (found := source(place)) is not None:
                steps.loads[place] = found
            else:
                steps.computed.append(place)
                left.extend(self.graph.nodes[place].operands)
        steps.computed.sort()
        return steps

    def _numbered(self, steps: Steps) -> Steps:
        """With the places of kept and crossing values instead of their nodes."""
        tables = {"kept": self.kept, "keep": self.kept, "crossing": self.crossing, "cross": self.crossing}
        tables |= {"d_mean": self.back_means, "set_d_mean": self.back_means}

        def number(what: str, at: int) -> int:
            return tables[what].index(at) if what in tables else at

        loads = {node: (what, number(what, at)) for node, (what, at) in steps.loads.items()}
        stores = [(what, tuple(number(what, at) for at in numbers), node) for what, numbers, node in steps.stores]
        return Steps(loads, steps.computed, stores)


def _is_kept(node: Node) -> bool:
    return node.op == "sum" or node.op in EXPENSIVE or node.op in REDUCTIONS


def _kept(phases: Sequence[Steps]) -> set[int]:
    """The kept nodes that these phases read."""
    return {node for steps in phases for node, (what, _) in steps.loads.items() if what == "kept"}
