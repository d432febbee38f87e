"""The language in which a cell is written: only its equations.

    reset     = sigmoid(W_r @ x + U_r @ h + b_r)
    update    = sigmoid(W_z @ x + U_z @ h + b_z)
    candidate = tanh(W_c @ x + U_c @ (reset * h) + b_c)
    h'        = update * h + (1 - update) * candidate

`x` is the input. A name with a prime is a state after the step, and later lines may read it. Names with a capital
letter are matrices, whose shapes follow from what they multiply; `b` and `b_...` are biases; other parameters are
declared (`vector p_i`, `scalar zeta = 1`). A line that ends in a sigmoid is a gate, and `gate` before any other line
marks it as one. No user's text is run: it is read, checked and turned into a graph (`Representation`).
"""

from functools import lru_cache

from gatelab.equations.build import Builder
from gatelab.equations.mistakes import InvalidEquations, Place
from gatelab.equations.parser import parse
from gatelab.equations.representation import Node, Parameter, Representation
from gatelab.equations.tokens import lines_of

__all__ = ["InvalidEquations", "Node", "Parameter", "Place", "Representation", "canonical", "read"]


KEPT = 256
"""Representations that `read` remembers. A spec is read often, and its equations are the same each time."""


@lru_cache(KEPT)
def read(text: str) -> Representation:
    """The cell that these equations describe.

    Raises: InvalidEquations: naming the first mistake, its place, and what is allowed.
    """
    return Builder(parse(text), text).build()


def canonical(text: str) -> str:
    """The equations without comments, blank lines and superfluous spaces.

    Raises:
        InvalidEquations: a character or a word that no equation has.
    """
    return "\n".join(" ".join(token.text for token in line[:-1]) for line in lines_of(text))
