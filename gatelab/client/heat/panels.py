"""From an answer of the gate lab to rows of numbers over the steps of a text."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gatelab.client.models import Gates, LayerGates, UnitStatistics

Value = float | None


@dataclass(frozen=True)
class Panel:
    """One gate or state of one layer.

    Attributes:
        title: its name, and what it does in a few words.
        rows: label and one value per step.
        low: the lower end of the scale, which ends at 1: 0 for gates, -1 for states.
    """

    title: str
    rows: Sequence[tuple[str, Sequence[Value]]]
    low: float = 0.0


def panels(gates: Gates, rows: int | None = None, hidden: bool = True) -> list[Panel]:
    """The panels of an answer: for each layer its gates and the hidden state, and the influence if it was requested.

    Args:
        rows: the number of units in a panel (those that vary most, in their order); None for all.
        hidden: also the hidden state, and the cell of an LSTM.
    """
    found = [panel for layer in gates.layers for panel in _of_layer(layer, len(gates.layers) > 1, rows, hidden)]
    return found + list(_influence(gates))


def marks(tokens: Sequence[str]) -> list[str]:
    """One character for each token, with a visible sign for an invisible one."""
    signs = {"<bos>": "▸", "<unk>": "?", " ": "·", "\n": "⏎", "\r": "⏎", "\t": "→", "": "…"}
    return [signs.get(token) or (token if len(token) == 1 and token.isprintable() else "?") for token in tokens]


def _of_layer(layer: LayerGates, named: bool, rows: int | None, hidden: bool) -> Iterator[Panel]:
    series = [(name, values, 0.0) for name, values in (layer.gates or {}).items()]
    if hidden:
        states = (("hidden", layer.hidden), ("cell", layer.cell))
        series += [(name, values, -1.0) for name, values in states if values is not None]
    for name, values, low in series:
        found = layer.statistics.get(name)
        title = (f"layer {layer.layer} " if named else "") + name + (_summary(found) if found else "")
        mean = [("mean", found.mean)] if found else []
        yield Panel(title, [*mean, *_units(layer.units, values, rows)], low)


def _units(units: Sequence[int], values: Sequence[Sequence[Value]], rows: int | None) -> list[tuple[str, list[Value]]]:
    """The units that vary most."""
    columns = [[step[index] for step in values] for index in range(len(units))]
    order = sorted(range(len(units)), key=lambda index: -_spread(columns[index]))
    return [(f"unit {units[index]}", columns[index]) for index in sorted(order[:rows])]


def _spread(values: Sequence[Value]) -> float:
    known = [value for value in values if value is not None]
    return statistics.pstdev(known) if known else 0.0


def _summary(found: UnitStatistics) -> str:
    parts = [f"mean {_mean(found.mean):.2f}"]
    if found.near_zero is not None and found.near_one is not None:
        parts += [f"{_mean(found.near_zero):.0%} under 0.1", f"{_mean(found.near_one):.0%} over 0.9"]
    return ": " + ", ".join(parts)


def _mean(values: Sequence[Value]) -> float:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else math.nan


def _influence(gates: Gates) -> Iterator[Panel]:
    """Shares of the greatest norm; steps outside the request are empty."""
    if (found := gates.influence) is None:
        return
    norms = {entry.at: entry.norm for entry in found.inputs}
    greatest = max((norm for norm in norms.values() if norm is not None), default=0.0)
    length = "longer than the text" if found.memory_length is None else f"{found.memory_length} steps"
    initial = "-" if found.initial_state is None else f"{found.initial_state:.3g}"
    title = f"influence on step {found.output}: greatest {greatest:.3g}, initial state {initial}, memory {length}"
    found_norms = [norms.get(step) for step in range(len(gates.tokens))]
    shares = [None if norm is None else norm / (greatest or 1) for norm in found_norms]
    yield Panel(title, [("share", shares)])
