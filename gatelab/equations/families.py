"""The equations of the cells that have options instead of equations: `rnn`, `gru` and `lstm` (which has no options).

The text lacks the lines of a gate that is left out. The other lines keep their letters, so that their parameters begin
with the same values.
"""

from collections.abc import Collection

from gatelab.equations.zoo import zoo

GATES = {"reset": "r", "update": "z"}
"""The gates of a GRU, with the letters of their parameters."""


def rnn(activation: str) -> str:
    """Elman 1990, Finding structure in time; with `relu` instead of tanh if that is the activation."""
    return f"h' = {activation}(W @ x + U @ h + b)"


def gru(gates: Collection[str], reset: str) -> str:
    """Cho et al. 2014, arXiv:1406.1078, with these of its gates; `reset`: before (v3) or after (v1) the product."""
    lines = [f"{name} = {_sum('sigmoid', letter)}" for name, letter in GATES.items() if name in gates]
    candidate = _sum("tanh", "c")
    if "reset" in gates and reset == "after":
        # A second bias is redundant except behind the reset gate.
        candidate = "tanh(W_c @ x + b_c + reset * (U_c @ h + b_u))"
    elif "reset" in gates:
        candidate = _sum("tanh", "c", "(reset * h)")
    if "update" not in gates:
        return "\n".join([*lines, f"h' = {candidate}"])
    return "\n".join([*lines, f"candidate = {candidate}", "h' = update * h + (1 - update) * candidate"])


def lstm() -> str:
    """Hochreiter & Schmidhuber 1997; Gers et al. 2000."""
    return zoo()["lstm"].equations


def classic() -> tuple[str, ...]:
    """The equations of all these cells, whatever their options. The native engine is compiled with them.

    A GRU without gates is the tanh RNN.
    """
    subsets = [(("reset",), "before"), (("reset",), "after"), (("update",), "before")]
    both = [(tuple(GATES), reset) for reset in ("before", "after")]
    return rnn("tanh"), rnn("relu"), *(gru(gates, reset) for gates, reset in [*subsets, *both]), lstm()


def _sum(function: str, letter: str, operand: str = "h") -> str:
    return f"{function}(W_{letter} @ x + U_{letter} @ {operand} + b_{letter})"
