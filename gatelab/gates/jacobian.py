"""The exact derivative of a step of a layer, for many rows of a Jacobian at once.

A unit depends on other units through products with matrices and through means. Between them all is elementwise: the
derivative of one value by another is one number per unit. These numbers are found first (`_factors`), by the rules of
`gatelab.equations.derivatives`; then every row is multiplied by them, and by the matrices, or its mean is taken.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from gatelab.equations import Node
from gatelab.equations.derivatives import RULES, Graph
from gatelab.equations.functions import REDUCTIONS
from gatelab.gates.connection_jacobian import added
from gatelab.network import Array, GateOverride, Layer, State
from gatelab.network.evaluation import Evaluation

Rows = list[Array | None]
"""For each tensor of a state, derivatives by it (rows, hidden); None is 0."""

_MIXING = frozenset({"@"}) | REDUCTIONS
"""What makes a unit depend on others."""
_ENDS = frozenset({"read", "state"}) | _MIXING
"""Where what is elementwise ends."""


class Differentiated:
    """A layer whose step can be differentiated."""

    def __init__(self, layer: Layer) -> None:
        self._layer, self._cell = layer, layer.representation
        graph = Graph(self._cell.nodes)
        self._one = graph.number(1.0)
        self._depends = _depending(self._cell.nodes)
        self._slopes = {
            place: RULES[node.op](graph, self._one, place, *node.operands)
            for place, node in enumerate(self._cell.nodes)
            if self._depends[place] and node.op not in _ENDS
        }
        self._mixing = [place for place, node in enumerate(self._cell.nodes) if node.op in _MIXING]
        self._evaluation = Evaluation(graph.nodes, layer.weights)
        self._paths: dict[int, list[int]] = {}

    def back(
        self, x: Array, before: State, rows: Sequence[Array | None], gates: GateOverride, held: Mapping[str, Array]
    ) -> tuple[Array | None, Rows]:
        """Take derivatives by the state after a step back through the step.

        Args:
            x: (1, inputs), or an id (1,) that stands for a one-hot row.
            before: the state before the step, (1, hidden) each.
            rows: for each tensor of the state after the step, derivatives by it (rows, hidden); None is 0.
            gates, held: the overrides of activations, and for each gate (hidden,) whether each unit is held.

        Returns:
            The derivatives by the input (rows, inputs), and by each tensor of the state before the step.
        """
        values = self._evaluation.values(*self._layer.given(self._layer.project(x), before), gates)
        pending: dict[int, Array] = {}
        kept = self._layer.zoneout
        after = rows if not kept else [None if of_state is None else (1 - kept) * of_state for of_state in rows]

        def add(target: int, of_target: Array) -> None:
            factors = self._factors(target, values, held) if self._depends[target] else {}
            for place, factor in factors.items():
                part = of_target * factor
                pending[place] = pending[place] + part if place in pending else part

        for place, of_state in zip(self._cell.after, after, strict=True):
            if of_state is not None:
                add(place, of_state)
        for place in reversed(self._mixing):  # what a product or a mean is made of stands before it
            if (of_mixed := pending.pop(place, None)) is not None:
                node = self._cell.nodes[place]
                add(node.operands[0], self._transposed(node, of_mixed))
        of_input, of_before = self._collected(pending)
        if kept:
            old = (None if of_state is None else kept * of_state for of_state in rows)
            of_before = [added(*each) for each in zip(of_before, old, strict=True)]
        return of_input, of_before

    def _transposed(self, node: Node, rows: Array) -> Array:
        """Derivatives by the operand of what mixes units, from those by its value (rows, hidden)."""
        if node.op == "@":
            return rows @ self._layer.weights[node.name].T
        return np.broadcast_to(rows.mean(axis=-1, keepdims=True), rows.shape)

    def _collected(self, pending: Mapping[int, Array]) -> tuple[Array | None, Rows]:
        of_input: Array | None = None
        of_state: dict[str, Array] = {}
        for place, found in pending.items():
            node = self._cell.nodes[place]
            if node.op == "state":
                of_state[node.name] = found
            else:
                part = found @ self._layer.weights[node.name].T
                of_input = part if of_input is None else of_input + part
        return of_input, [of_state.get(name) for name in self._layer.states]

    def _factors(self, target: int, values: Sequence[Array], held: Mapping[str, Array]) -> dict[int, Array]:
        """The derivatives of a value by each end that it is made of without another end between them."""
        found: dict[int, Array] = {target: np.ones(())}
        for place in self._path(target):
            node, factor = self._cell.nodes[place], found.pop(place)
            if node.op == "gate" and node.name in held:
                factor = np.where(held[node.name], 0.0, factor)  # no derivative passes through a held unit
            for operand, slope in zip(node.operands, self._slopes[place], strict=True):
                if self._depends[operand]:
                    part = factor if slope == self._one else factor * values[slope]
                    found[operand] = found[operand] + part if operand in found else part
        return found

    def _path(self, target: int) -> list[int]:
        """The nodes between a value and the ends, the value itself first; each before its operands."""
        if target not in self._paths:
            reached = {target}
            for place in range(target, -1, -1):
                node = self._cell.nodes[place]
                if place in reached and node.op not in _ENDS:
                    reached.update(operand for operand in node.operands if self._depends[operand])
            between = (place for place in reached if self._cell.nodes[place].op not in _ENDS)
            self._paths[target] = sorted(between, reverse=True)
        return self._paths[target]


def _depending(nodes: Sequence[Node]) -> list[bool]:
    """For each node, whether it depends on the input or a state."""
    found: list[bool] = []
    for node in nodes:
        found.append(node.op in ("read", "state") or any(found[operand] for operand in node.operands))
    return found
