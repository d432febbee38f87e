"""Reverse-mode differentiation of a graph, with one line for each operation. It adds nodes to the same graph.

Derivatives are PyTorch's, also where a function has a kink: at a tie, `max` and `min` give half to each side.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from gatelab.equations.representation import Node

Rule = Callable[..., "tuple[int, ...]"]


class Graph:
    """Nodes in an order of computation, each of them once."""

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self.nodes: list[Node] = []
        self._places: dict[Node, int] = {}
        for node in nodes:
            self.add(node)

    def add(self, node: Node) -> int:
        """The place of a node: a new one, or that of an equal node."""
        place = self._places.setdefault(node, len(self.nodes))
        if place == len(self.nodes):
            self.nodes.append(node)
        return place

    def op(self, op: str, *operands: int, value: float = 0.0) -> int:
        return self.add(Node(op, operands, value=value))

    def number(self, value: float) -> int:
        return self.add(Node("number", value=value, scalar=True))

    def minus_from(self, value: float, place: int) -> int:
        """A number minus a node."""
        return self.op("-", self.number(value), place)


# For each operation: the graph, the gradient of its value, its value and its operands -> the gradients of the operands.
# Operations beside those of the language:
#   where_positive(a, g)     g where a > 0 or a is not a number, else 0
#   where_within(a, g)       g where |a| < value or a is not a number, else 0
#   where_larger(a, b, g)    g where a > b or one is not a number, half of it where they are equal, else 0
#   sign(a), gelu_slope(a)   the derivatives of abs and gelu
# A gradient has a number for each unit, also where the value is one number for all of them. So the gradient of a mean,
# which every unit reads, is the mean of what they read it for: a mean is its own transpose.
RULES: Mapping[str, Rule] = {
    "gate": lambda _, g, y, a: (g,),
    "+": lambda _, g, y, a, b: (g, g),
    "-": lambda of, g, y, a, b: (g, of.op("negative", g)),
    "*": lambda of, g, y, a, b: (of.op("*", g, b), of.op("*", g, a)),
    "/": lambda of, g, y, a, b: (part := of.op("/", g, b), of.op("negative", of.op("*", part, y))),
    "negative": lambda of, g, y, a: (of.op("negative", g),),
    "sigmoid": lambda of, g, y, a: (of.op("*", g, of.op("*", y, of.minus_from(1.0, y))),),
    "tanh": lambda of, g, y, a: (of.op("*", g, of.minus_from(1.0, of.op("*", y, y))),),
    "relu": lambda of, g, y, a: (of.op("where_positive", y, g),),
    "exp": lambda of, g, y, a: (of.op("*", g, y),),
    "log": lambda of, g, y, a: (of.op("/", g, a),),
    "sqrt": lambda of, g, y, a: (of.op("/", g, of.op("+", y, y)),),
    "softplus": lambda of, g, y, a: (of.op("*", g, of.op("sigmoid", a)),),
    "log_sigmoid": lambda of, g, y, a: (of.op("*", g, of.op("sigmoid", of.op("negative", a))),),
    "silu": lambda of, g, y, a: (of.op("*", g, _silu_slope(of, a)),),
    "gelu": lambda of, g, y, a: (of.op("*", g, of.op("gelu_slope", a)),),
    "abs": lambda of, g, y, a: (of.op("*", g, of.op("sign", a)),),
    "sin": lambda of, g, y, a: (of.op("*", g, of.op("cos", a)),),
    "cos": lambda of, g, y, a: (of.op("negative", of.op("*", g, of.op("sin", a))),),
    "hard_sigmoid": lambda of, g, y, a: (of.op("where_within", a, of.op("*", g, of.number(1 / 6)), value=3.0),),
    "hard_tanh": lambda of, g, y, a: (of.op("where_within", a, g, value=1.0),),
    "mean": lambda of, g, y, a: (of.op("mean", g),),
    "max": lambda of, g, y, a, b: (of.op("where_larger", a, b, g), of.op("where_larger", b, a, g)),
    "min": lambda of, g, y, a, b: (of.op("where_larger", b, a, g), of.op("where_larger", a, b, g)),
}


def _silu_slope(of: Graph, a: int) -> int:
    s = of.op("sigmoid", a)
    return of.op("*", s, of.op("+", of.number(1.0), of.op("*", a, of.minus_from(1.0, s))))


def reverse(
    graph: Graph, seeds: Mapping[int, Sequence[int]], order: Callable[[int], int] = lambda _: 0
) -> dict[int, list[int]]:
    """The gradients of all leaves, from those of some nodes.

    Args:
        graph: the graph to differentiate; the derivatives are added to it.
        seeds: node -> nodes whose sum is the initial value of its gradient.
        order: a sort key for the gradients of one node, which are added up in this order: earlier ones first.

    Returns:
        Leaf (a node without operands) -> nodes whose sum is its gradient. Numbers have none.
    """
    trained = _trained(graph.nodes)
    parts = {node: list(some) for node, some in seeds.items()}
    leaves: dict[int, list[int]] = {}
    for place in reversed(range(len(trained))):
        if place not in parts or not trained[place]:
            continue
        node, found = graph.nodes[place], sorted(parts.pop(place), key=order)
        if not node.operands:
            leaves[place] = found
            continue
        gradients = RULES[node.op](graph, add_up(graph, found), place, *node.operands)
        for operand, gradient in zip(node.operands, gradients, strict=True):
            parts.setdefault(operand, []).append(gradient)
    return leaves


def add_up(graph: Graph, nodes: Sequence[int]) -> int:
    """The sum of nodes, from the left."""
    total = nodes[0]
    for each in nodes[1:]:
        total = graph.op("+", total, each)
    return total


def _trained(nodes: Sequence[Node]) -> list[bool]:
    """For each node, whether it depends on anything but numbers."""
    found: list[bool] = []
    for node in nodes:
        found.append(any(found[operand] for operand in node.operands) if node.operands else node.op != "number")
    return found
