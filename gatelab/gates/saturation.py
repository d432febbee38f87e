"""Statistics of gates on held-out text (a mean and two shares), to follow while a network learns."""

from dataclasses import dataclass

import numpy as np

from gatelab.gates.clamps import Clamps
from gatelab.gates.statistics import NEAR
from gatelab.gates.traces import observed
from gatelab.network import Array, Network
from gatelab.text.windows import IGNORED, Windows

MOST_TOKENS = 4096
MOST_STEPS = 512
"""The tokens of a text that are measured: enough for a mean, and cheap compared with an epoch."""


@dataclass(frozen=True)
class Saturation:
    """One gate over units and tokens: its mean, and the shares of activations under 0.1 and over 0.9."""

    mean: float
    near_zero: float
    near_one: float


def saturation(network: Network, windows: Windows) -> list[dict[str, Saturation]]:
    """Statistics of each gate of each layer on the first windows of a text, each read from the initial state.

    At most `MOST_TOKENS` tokens are read, of each window at most `MOST_STEPS`.
    """
    steps = min(windows.num_steps, MOST_STEPS)
    count = min(len(windows.starts), max(1, MOST_TOKENS // steps))
    batch = windows.pick(np.arange(count))
    read = batch.targets[:steps] != IGNORED
    x, free = network.entering(batch.inputs[:steps]), Clamps((), network.layers, steps)
    found = []
    for number, layer in enumerate(network.layers):
        read_by_layer = network.normalized(number, x)
        outputs, rows = observed(layer, read_by_layer, number, free)
        x = network.joined(number, read_by_layer, x, outputs)
        found.append({name: _saturation(rows[name], read) for name in layer.gates})
    return found


def _saturation(activations: Array, read: Array) -> Saturation:
    """Statistics of activations (steps, batch, hidden) where `read` (steps, batch)."""
    values = activations[read].astype(np.float64)
    return Saturation(float(values.mean()), float((values < NEAR).mean()), float((values > 1 - NEAR).mean()))
