"""The words of the language."""

from typing import Final

ARGUMENTS: Final[dict[str, int]] = {
    "sigmoid": 1,
    "tanh": 1,
    "relu": 1,
    "exp": 1,
    "log": 1,
    "sqrt": 1,
    "softplus": 1,
    "log_sigmoid": 1,
    "silu": 1,
    "gelu": 1,
    "abs": 1,
    "sin": 1,
    "cos": 1,
    "hard_sigmoid": 1,
    "hard_tanh": 1,
    "max": 2,
    "min": 2,
    "mean": 1,
}
"""Function -> how many arguments it takes.

They are PyTorch's: gelu is the exact one (Hendrycks & Gimpel 2016), hard_sigmoid is min(max(a / 6 + 1 / 2, 0), 1),
hard_tanh is min(max(a, -1), 1), and mean is over the cell's units: one number for all of them.
"""

REDUCTIONS: Final = frozenset({"mean"})
"""Functions of all units of their argument. Every other function gives each unit a value of that unit's own numbers."""

KEYWORDS: Final = frozenset({"matrix", "vector", "scalar", "gate"})

INPUT: Final = "x"

GATE_FUNCTIONS: Final = frozenset({"sigmoid", "hard_sigmoid"})
"""A line that ends in one of these is a gate: its values lie between 0 and 1."""
