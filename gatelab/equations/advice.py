"""Advice about a cell: things that are valid, but often not intended.

For gates, it asks between which values they lie, whatever the weights are. For states, it asks how large they can
become, beginning at 0, if no weight multiplies anything by more than `GAIN`. Intervals (`ranges`) answer both.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from gatelab.equations.ranges import ANY, Range, hull, ranges
from gatelab.equations.representation import Representation

DRAWS = 8
"""The number of random weights with which the first step is tried."""
GAIN = 2.0
STEPS = 64
OVERFLOW = 1e9
"""A state that grows beyond this in `STEPS` steps grows exponentially."""
CLOSED, OPEN = 0.05, 0.95


@dataclass(frozen=True)
class Advice:
    """
    Attributes:
        code: the kind of advice, for programs.
        name: the gate, state or parameter that it is about.
        message: one sentence.
    """

    code: str
    name: str
    message: str


def advice(cell: Representation) -> list[Advice]:
    """All advice about a cell, that about gates first."""
    broken = list(_first_step(cell))
    growing = (each for each in _states(cell) if each.name not in {other.name for other in broken})
    return [*_gates(cell), *broken, *growing, *_redundant(cell)]


def _gates(cell: Representation) -> Iterator[Advice]:
    found = ranges(cell, dict.fromkeys(cell.states, ANY), ANY)
    for name, place in cell.gates.items():
        low, high = found[place]
        if low > CLOSED:
            yield Advice("never-closes", name, f"the gate {name} never closes: it is at least {low:.3g}")
        elif high < OPEN:
            yield Advice("never-opens", name, f"the gate {name} never opens: it is at most {high:.3g}")
        elif low < -CLOSED or high > 2 - OPEN:
            yield Advice("no-share", name, f"the gate {name} may leave the range from 0 to 1")


def _states(cell: Representation) -> Iterator[Advice]:
    states: dict[str, Range] = dict.fromkeys(cell.states, (0.0, 0.0))
    for _ in range(STEPS):
        found = ranges(cell, states, (-GAIN, GAIN))
        before = states
        states = {name: hull(before[name], found[place]) for name, place in zip(cell.states, cell.after, strict=True)}
        if states == before:
            break
    for name, (low, high) in states.items():
        if not max(-low, high) <= OVERFLOW:
            message = f"the state {name} may grow exponentially where weights are large: clip gradients, or bound it"
            yield Advice("may-overflow", name, message)


def _first_step(cell: Representation) -> Iterator[Advice]:
    """Values for random weights and a state of 0, as intervals without width."""
    random = Random(0)
    zero = dict.fromkeys(cell.states, (0.0, 0.0))
    steps = [ranges(cell, zero, lambda: _point(random.uniform(-1, 1))) for _ in range(DRAWS)]
    for name, place in zip(cell.states, cell.after, strict=True):
        if not any(math.isfinite(sum(found[place])) for found in steps):
            message = f"the state {name} is not finite after the first step, which begins with states of 0"
            yield Advice("not-finite", name, message)


def _point(x: float) -> Range:
    return x, x


def _redundant(cell: Representation) -> Iterator[Advice]:
    """Parameters that are only ever added to one another, so that one of them is enough."""
    users: dict[int, list[int]] = {}
    for place, node in enumerate(cell.nodes):
        for operand in node.operands:
            users.setdefault(operand, []).append(place)
    sums: dict[tuple[int, str], str] = {}
    for place, node in enumerate(cell.nodes):
        if node.op not in ("parameter", "read", "@") or len(users.get(place, ())) != 1:
            continue
        if node.op != "parameter" and sum(other.name == node.name for other in cell.nodes) > 1:
            continue
        top = _top_of_sum(cell, users, place)
        if top == place:
            continue
        what = "b" if node.op == "parameter" else f"{node.op} {node.operands}"
        first = sums.setdefault((top, what), node.name)
        if first != node.name:
            yield Advice("redundant", node.name, f"{node.name} is redundant: it is only ever added to {first}")


def _top_of_sum(cell: Representation, users: Mapping[int, Sequence[int]], place: int) -> int:
    """The last in the chain of sums that a node is added to, as long as each has no other use."""
    while len(users.get(place, ())) == 1 and place not in cell.after:
        (user,) = users[place]
        if cell.nodes[user].op not in ("+", "-"):
            break
        place = user
    return place
