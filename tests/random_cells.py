"""Randomly generated cells of equations, on which engines are compared."""

from collections.abc import Collection

import numpy as np

from gatelab.equations.functions import ARGUMENTS

TAMED = {"exp": "exp(tanh({}))", "log": "log(1.5 + tanh({}))", "sqrt": "sqrt(1.5 + tanh({}))", "sin": "sin(3 * ({}))"}
"""Functions with arguments at which they are finite and not too steep."""


def random_equations(random: np.random.Generator, without: Collection[str] = ()) -> str:
    """A cell with every function except for these, up to four states and six stages, and letters that occur twice."""
    states = ["h", "s", "t", "u"][: random.integers(1, 5)]
    lines, values = ["scalar zeta, eta", "vector p, q"], list(states)
    for place, function in enumerate(random.permutation(sorted(ARGUMENTS.keys() - without))):
        operand = random.choice(values[-4:])
        arguments = []
        for _ in range(ARGUMENTS[function]):
            terms = [f"p * {random.choice(values)}", f"{random.choice(values)} / (2 + tanh({random.choice(values)}))"]
            if place % 3 == 0 and place < 15:
                terms += [f"U_{place // 6} @ ({operand} - zeta * {random.choice(states)})", f"W_{place % 2} @ x", "b"]
            elif random.random() < 0.5:
                terms += [f"W_{place} @ x", "q"]
            arguments.append(" + ".join(map(str, random.permutation(terms))))
        call = TAMED.get(function, function + "({})").format(", ".join(arguments))
        lines.append(f"v_{place} = tanh({call} - eta)")
        values.append(f"v_{place}")
    for state in states:
        used = [f"{random.choice(['-0.5', '0.3', '0.75', 'p'])} * {value}" for value in values]
        lines.append(f"{state}' = tanh({' + '.join(map(str, random.permutation(used)))})")
    return "\n".join(lines)


TIES = """
vector p, q
a = p + h
c = hard_tanh(1 + 0 * a) + hard_tanh(a - a - 1) + hard_sigmoid(3 + 0 * a) + hard_sigmoid(0 * a - 3)
d = max(a, a * 1) + min(q, 1 * q) + abs(a - a) + relu(a - a) + max(a, -(-q)) * min(a, q)
e = max(W @ x, U @ d) + sqrt(1 + 0 * s)
s' = 0.1 * a + 1
h' = tanh(c + d + e)
"""
"""Arguments at which functions have a kink, on both sides of it."""
