"""Computing the nodes of a graph, one after the other."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatelab.equations import Node
from gatelab.network.functions import FUNCTIONS, Function, where_within

Array = NDArray[Any]

GateOverride = Mapping[str, Callable[[Array], Array]]
"""Gate name -> function of its activation (rows, hidden) that gives the activation to use instead."""


class Evaluation:
    """Computes nodes. Nodes that depend on weights and numbers alone are computed once.

    Args:
        nodes: in an order of computation.
        weights: letter -> array, all of one precision.
    """

    def __init__(self, nodes: Sequence[Node], weights: Mapping[str, Array]) -> None:
        self._known: list[Any] = [None] * len(nodes)
        self._steps: list[tuple[int, Node, Function | None]] = []
        number = next(iter(weights.values())).dtype.type
        products: defaultdict[int, list[int]] = defaultdict(list)
        with np.errstate(all="ignore"):
            for place, node in enumerate(nodes):
                if node.op == "number":
                    self._known[place] = node.value
                elif node.op == "parameter":
                    self._known[place] = weights[node.name]
                elif (function := _function(node)) is not None and self._knows(node.operands):
                    operands = [self._known[operand] for operand in node.operands]
                    if all(isinstance(operand, float) for operand in operands):
                        # numpy would turn plain Python numbers, and everything computed from them, into double
                        # precision.
                        operands = [number(operand) for operand in operands]
                    self._known[place] = function(*operands)
                else:
                    self._steps.append((place, node, function))
                    if node.op == "@":
                        products[node.operands[0]].append(place)
        self._products = {vector: _side_by_side(places, nodes, weights) for vector, places in products.items()}

    def _knows(self, operands: Sequence[int]) -> bool:
        return all(self._known[operand] is not None for operand in operands)

    def values(self, read: Mapping[str, Array], before: Mapping[str, Array], gates: GateOverride) -> list[Any]:
        """The value of each node: (rows, hidden), or with fewer dimensions if it is the same for all rows or units.

        Args:
            read: name of a matrix -> its product with the input (rows, hidden).
            before: name of a state -> (rows, hidden) before the step.
        """
        values, shape = list(self._known), before["h"].shape
        for place, node, function in self._steps:
            if function is not None:
                values[place] = function(*[values[operand] for operand in node.operands])
            elif node.op == "read":
                values[place] = read[node.name]
            elif node.op == "state":
                values[place] = before[node.name]
            elif node.op == "gate":
                value, override = values[node.operands[0]], gates.get(node.name)
                values[place] = value if override is None else override(np.broadcast_to(value, shape))
            elif values[place] is None:  # if it was not computed with another product of the same vector
                matrix, places = self._products[node.operands[0]]
                found = np.broadcast_to(values[node.operands[0]], shape) @ matrix
                for number, each in enumerate(places):
                    values[each] = found[:, number * shape[1] : (number + 1) * shape[1]]
        return values


def _function(node: Node) -> Function | None:
    return partial(where_within, limit=node.value) if node.op == "where_within" else FUNCTIONS.get(node.op)


def _side_by_side(
    places: Sequence[int], nodes: Sequence[Node], weights: Mapping[str, Array]
) -> tuple[Array, Sequence[int]]:
    """The matrices by which one vector is multiplied, as one matrix, and the places of the products."""
    matrices = [weights[nodes[place].name] for place in places]
    return matrices[0] if len(matrices) == 1 else np.concatenate(matrices, axis=1), places
