"""Units are padded with zeros to whole vectors. To see whether a cell leaves those at 0, one of them is computed."""

import math
from collections.abc import Callable, Mapping

from gatelab.equations import Node
from gatelab.equations.schedule import Schedule


def _where_larger(a: float, b: float, g: float) -> float:
    if a > b:
        return g
    return g / 2 if a == b else 0.0


_AT_0: Mapping[str, Callable[..., float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "negative": lambda a: -a,
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
    "tanh": math.tanh,
    "relu": lambda a: max(a, 0.0),
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "softplus": lambda a: math.log1p(math.exp(a)),
    "log_sigmoid": lambda a: -math.log1p(math.exp(-a)),
    "silu": lambda a: a / (1 + math.exp(-a)),
    "gelu": lambda a: a * math.erfc(-a / math.sqrt(2)) / 2,
    "gelu_slope": lambda a: math.erfc(-a / math.sqrt(2)) / 2 + a * math.exp(-a * a / 2) / math.sqrt(2 * math.pi),
    "abs": abs,
    "sign": lambda a: (a > 0) - (a < 0),
    "sin": math.sin,
    "cos": math.cos,
    "hard_sigmoid": lambda a: min(max(a / 6 + 0.5, 0.0), 1.0),
    "hard_tanh": lambda a: min(max(a, -1.0), 1.0),
    "max": max,
    "min": min,
    "mean": lambda _: math.nan,  # the other units have numbers
    "where_positive": lambda a, g: g if a > 0 else 0.0,
    "where_within": lambda _, g: g,
    "where_larger": _where_larger,
}
"""Each operation, as long as nothing overflows."""

LARGEST = 1e30
"""A number beyond it may overflow in single precision."""


def stays_empty(schedule: Schedule) -> bool:
    """Whether a unit without weights that begins at 0 stays at 0, and neither receives nor passes on a gradient.

    Then it never influences another unit: all its numbers are finite, so 0 times them is 0.
    """
    values: list[float] = []
    for node in schedule.graph.nodes:
        value = _value(node, values)
        if not (abs(value) < LARGEST and (value == 0 or abs(value) > 1 / LARGEST)):
            return False
        values.append(value)
    stored = (each for steps in (*schedule.forward, *schedule.backward) for each in steps.stores)
    return all(
        values[node] == 0
        for what, _, node in stored
        if what in ("set_after", "set_d_sum", "set_d_before", "add_d_before")
    )


def _value(node: Node, values: list[float]) -> float:
    """The value of a node if everything given is 0; nan if it cannot be computed."""
    if node.op == "number":
        return node.value
    if not node.operands:
        return 0.0
    try:
        return float(_AT_0[node.op](*(values[operand] for operand in node.operands)))
    except (ArithmeticError, ValueError):
        return math.nan
