"""The values of single units in Triton's language: tiles (rows, columns) or, where parameters alone decide, (1, ...).

The value of node 7 is `v7`. No letter of a user's text gets into the code, and a number is the text of a float.
"""

import math
import struct
from collections.abc import Callable, Iterable, Iterator

from gatelab.equations import Node
from gatelab.equations.triton.layout import Layout

INFIX = frozenset("+-*/")
NAMES = {"abs": "absolute", "max": "larger", "min": "smaller"}
"""Functions that have another name in `kernels/functions.py`, so that they do not hide Python's own."""

Leaf = Callable[[int], str | None]
"""The expression of a node that is given, or None if it is computed from its operands."""


class Values:
    """Writes the values that a part of a kernel needs, each once.

    Args:
        columns: the name of the number of columns of a tile.
    """

    def __init__(self, layout: Layout, columns: str) -> None:
        self._layout, self._columns = layout, columns
        self._nodes = layout.schedule.graph.nodes
        self._written = set[int]()
        plan = layout.plan
        multiplied = {operand.node for operand in plan.operands} | set(plan.after)
        gradients = (each for steps in layout.schedule.backward for each in steps.stores)
        multiplied |= {node for what, _, node in gradients if what == "set_d_sum"}
        self._masked = multiplied if layout.masked else set[int]()

    def constant(self, wanted: Iterable[int], leaf: Leaf) -> Iterator[str]:
        """Write those of the values behind `wanted` that depend on parameters alone."""
        constants = sorted(place for place in self._behind(wanted, leaf) if not self._layout.varies[place])
        yield from self._write(constants, leaf)

    def write(self, wanted: Iterable[int], leaf: Leaf) -> Iterator[str]:
        """Write all values behind `wanted` that are not written yet."""
        yield from self._write(sorted(self._behind(wanted, leaf) - self._written), leaf)

    def tile(self, node: int) -> str:
        """A value as a whole tile."""
        name = f"v{node}"
        if self._layout.varies[node]:
            return name
        whole = f"tl.broadcast_to({name}, (rows, {self._columns}))"
        return f"tl.where(inside, {whole}, 0.0)" if node in self._masked else whole

    def _behind(self, wanted: Iterable[int], leaf: Leaf) -> set[int]:
        found, left = set[int](), list(wanted)
        while left:
            place = left.pop()
            if place in found:
                continue
            found.add(place)
            if place not in self._written and leaf(place) is None:
                left.extend(self._nodes[place].operands)
        return found

    def _write(self, places: Iterable[int], leaf: Leaf) -> Iterator[str]:
        for place in places:
            value = leaf(place) or self._computed(self._nodes[place])
            if place in self._masked and self._layout.varies[place]:
                value = f"tl.where(inside, {value}, 0.0)"
            self._written.add(place)
            yield f"v{place} = {value}"

    def _computed(self, node: Node) -> str:
        operands = [f"v{operand}" for operand in node.operands]
        if node.op in INFIX:
            return f" {node.op} ".join(operands)
        if node.op == "negative":
            return f"-{operands[0]}"
        if node.op == "number":
            return f"tl.full((1, 1), {literal(node.value)}, dtype)"
        if node.op == "where_within":
            operands.append(literal(node.value))
        return f"functions.{NAMES.get(node.op, node.op)}({', '.join(operands)})"


def literal(value: float) -> str:
    """A number; infinity where it is beyond single precision."""
    try:
        struct.pack("f", value)
    except OverflowError:
        value = math.copysign(math.inf, value)
    return repr(value) if math.isfinite(value) else f'float("{value}")'
