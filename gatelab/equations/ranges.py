"""Bounds for the values of a cell's nodes: interval arithmetic, with additional rules for patterns of cells."""

import math
from collections.abc import Callable, Mapping, Sequence

from gatelab.equations.representation import Node, Representation

Range = tuple[float, float]
ANY: Range = (-math.inf, math.inf)
LARGEST_STANDARD = 256.0
"""The largest number that normalizing makes: the root of the most units that a cell may have."""


def ranges(cell: Representation, states: Mapping[str, Range], weights: Range | Callable[[], Range]) -> list[Range]:
    """The interval of each node's values.

    Args:
        states: the range of each.
        weights: the range of inputs, of parameters, and of a matrix's product with 1; or a function that draws one for
            each of them.

    A quotient whose divisor may be 0 could be anything; its range is taken to be that of the dividend.
    """
    drawn = weights if callable(weights) else lambda: weights
    found: list[Range] = []
    for place, node in enumerate(cell.nodes):
        operands = [found[operand] for operand in node.operands]
        match node.op:
            case "read" | "parameter":
                value = drawn()
            case "state":
                value = states[node.name]
            case "number":
                value = (node.value, node.value)
            case "@":
                value = _product(operands[0], drawn())
            case "gate":
                value = operands[0]
            case "mean":
                value = _mean(operands[0])
            case "+" | "-" | "*" | "/":
                value = _arithmetic(cell, place, found)
            case _:
                value = _FUNCTIONS[node.op](*operands)
        found.append(value)
    return found


def _arithmetic(cell: Representation, place: int, found: Sequence[Range]) -> Range:
    node = cell.nodes[place]
    left, right = (found[operand] for operand in node.operands)
    match node.op:
        case "+":
            return _mixture(cell, place, found) or _step_towards(cell, place, found) or _sum(left, right)
        case "-":
            towards = _step_towards(cell, place, found)
            return towards or _below_maximum(cell, place) or _sum(left, _negative(right))
        case "*":
            return _square(left) if node.operands[0] == node.operands[1] else _product(left, right)
    return _share(cell, place, found) or _standard(cell, place, found) or _quotient(left, right)


def _mixture(cell: Representation, place: int, found: Sequence[Range]) -> Range | None:
    """g * a + (1 - g) * c lies between a and c where g lies between 0 and 1."""
    left, right = (cell.nodes[operand] for operand in cell.nodes[place].operands)
    if left.op != "*" or right.op != "*":
        return None
    for a in range(2):
        for b in range(2):
            share, rest = left.operands[a], right.operands[b]
            for g, other in ((share, rest), (rest, share)):
                if _is_complement(cell, g, other) and 0 <= found[g][0] <= found[g][1] <= 1:
                    return hull(found[left.operands[1 - a]], found[right.operands[1 - b]])
    return None


def _step_towards(cell: Representation, place: int, found: Sequence[Range]) -> Range | None:
    """a + g * (c - a), or a - g * (a - c), lies between a and c where g lies between 0 and 1."""
    node = cell.nodes[place]
    orders = [node.operands, node.operands[::-1]] if node.op == "+" else [node.operands]
    for a, way in orders:
        if cell.nodes[way].op != "*":
            continue
        for g, difference in (cell.nodes[way].operands, cell.nodes[way].operands[::-1]):
            terms = cell.nodes[difference].operands if cell.nodes[difference].op == "-" else ()
            c, known = terms if node.op == "+" and terms else terms[::-1] or (-1, -1)
            if known == a and 0 <= found[g][0] <= found[g][1] <= 1:
                return hull(found[a], found[c])
    return None


def _is_complement(cell: Representation, g: int, other: int) -> bool:
    """Whether `other` is 1 - g."""
    node = cell.nodes[other]
    return node.op == "-" and node.operands[1] == g and cell.nodes[node.operands[0]].value == 1


def _below_maximum(cell: Representation, place: int) -> Range | None:
    """a - max(a, c) is at most 0."""
    left, right = cell.nodes[place].operands
    return (-math.inf, 0.0) if cell.nodes[right].op == "max" and left in cell.nodes[right].operands else None


def _share(cell: Representation, place: int, found: Sequence[Range]) -> Range | None:
    """a / (a + c) is a share of 1 where both are positive."""
    part, whole = cell.nodes[place].operands
    terms = cell.nodes[whole].operands if cell.nodes[whole].op == "+" else ()
    return (0.0, 1.0) if part in terms and all(found[term][0] >= 0 < found[term][1] for term in terms) else None


def _standard(cell: Representation, place: int, found: Sequence[Range]) -> Range | None:
    """c / sqrt(mean(c * c) + e) is at most the root of the number of units, however large c is; c may have a gain."""
    part, whole = cell.nodes[place].operands
    if found[whole] == (0, 0):
        return None
    if _is_root_mean_square(cell, whole, part, found):
        return _bounded(found[part])
    factors = cell.nodes[part].operands if cell.nodes[part].op == "*" else ()
    for c, gain in (factors, factors[::-1]) if factors else ():
        if _is_root_mean_square(cell, whole, c, found):
            return _product(_bounded(found[c]), found[gain])
    return None


def _bounded(c: Range) -> Range:
    return (-LARGEST_STANDARD if c[0] < 0 else 0.0), (LARGEST_STANDARD if c[1] > 0 else 0.0)


def _is_root_mean_square(cell: Representation, place: int, of: int, found: Sequence[Range]) -> bool:
    """Whether a value is sqrt(mean(of * of)), or larger."""
    place, under_root = _without_positive(cell, place, found), False
    if cell.nodes[place].op == "sqrt":
        place, under_root = _without_positive(cell, cell.nodes[place].operands[0], found), True
    node = cell.nodes[place]
    return under_root and node.op == "mean" and cell.nodes[node.operands[0]] == Node("*", (of, of))


def _without_positive(cell: Representation, place: int, found: Sequence[Range]) -> int:
    """What of a sum is a mean or a root, if nothing negative is added to it; else the sum."""
    node = cell.nodes[place]
    for one, other in (node.operands, node.operands[::-1]) if node.op == "+" else ():
        if cell.nodes[one].op in ("mean", "sqrt") and found[other][0] >= 0:
            return one
    return place


def hull(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1])


def _sum(a: Range, b: Range) -> Range:
    return a[0] + b[0], a[1] + b[1]


def _negative(a: Range) -> Range:
    return -a[1], -a[0]


def _product(a: Range, b: Range) -> Range:
    # 0 times anything is 0 here: an interval that is infinite has no infinite number in it.
    ends = [0.0 if 0 in (p, q) else p * q for p in a for q in b]
    return min(ends), max(ends)


def _square(a: Range) -> Range:
    low, high = _product(a, a)
    return (0.0 if a[0] <= 0 <= a[1] else min(a[0] * a[0], a[1] * a[1])), max(high, -low)


def _quotient(a: Range, b: Range) -> Range:
    if b == (0, 0):
        return math.nan, math.nan
    return a if b[0] <= 0 <= b[1] else _product(a, (1 / b[1], 1 / b[0]))


def _mean(a: Range) -> Range:
    """A point stands for one unit. The others have other numbers, or all of them are 0."""
    return (a[0] / 2, a[0] / 2) if a[0] == a[1] else a


def _rising(function: Callable[[float], float]) -> Callable[[Range], Range]:
    return lambda a: (function(a[0]), function(a[1]))


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def _sigmoid(x: float) -> float:
    return 1 / (1 + _exp(-x))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(_exp(-abs(x)))


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def _root(x: float) -> float:
    return math.sqrt(max(x, 0.0))


def _absolute(a: Range) -> Range:
    low, high = sorted((abs(a[0]), abs(a[1])))
    return (0.0 if a[0] <= 0 <= a[1] else low), high


_FUNCTIONS: Mapping[str, Callable[..., Range]] = {
    "negative": _negative,
    "sigmoid": _rising(_sigmoid),
    "tanh": _rising(math.tanh),
    "relu": _rising(lambda x: max(x, 0.0)),
    "exp": _rising(_exp),
    "log": _rising(_log),
    "sqrt": _rising(_root),
    "softplus": _rising(_softplus),
    "log_sigmoid": _rising(lambda x: -_softplus(-x)),
    # The least values of both are at about -1.28 and -0.75.
    "silu": lambda a: (-0.279, max(a[1], 0.0)),
    "gelu": lambda a: (-0.170, max(a[1], 0.0)),
    "abs": _absolute,
    "sin": lambda _: (-1.0, 1.0),
    "cos": lambda _: (-1.0, 1.0),
    "hard_sigmoid": _rising(lambda x: min(max(x / 6 + 0.5, 0.0), 1.0)),
    "hard_tanh": _rising(lambda x: min(max(x, -1.0), 1.0)),
    "max": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "min": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
}
