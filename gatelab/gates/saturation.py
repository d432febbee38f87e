"""What the gates do on held-out text, in two numbers and a mean: a measure to follow while a network learns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gatelab.gates.clamps import Clamps
from gatelab.gates.statistics import NEAR
from gatelab.gates.traces import cells_of, entering, observed
from gatelab.model import LanguageModel
from gatelab.text.windows import IGNORED, Windows

MOST_TOKENS = 4096
MOST_STEPS = 512
"""How much of a text is looked at: enough for a mean, too little to be noticed beside an epoch."""


@dataclass(frozen=True)
class Saturation:
    """What one gate did over units and tokens: its mean, and the share of activations under 0.1 and over 0.9."""

    mean: float
    near_zero: float
    near_one: float


@torch.no_grad()
def saturation(model: LanguageModel, windows: Windows) -> list[dict[str, Saturation]]:
    """What each gate of each layer does on the first windows of a text, each read from a zero state.

    At most `MOST_TOKENS` tokens are read, of each window at most `MOST_STEPS`.
    """
    steps = min(windows.num_steps, MOST_STEPS)
    count = min(len(windows.starts), max(1, MOST_TOKENS // steps))
    batch = windows.pick(np.arange(count))
    read = torch.from_numpy(batch.targets[:steps] != IGNORED).to(model.device)
    cells = cells_of(model)
    x, free = entering(model, batch.inputs[:steps]), Clamps((), cells, steps)
    found = []
    for layer, cell in enumerate(cells):
        x, rows = observed(cell, x, layer, free)
        found.append({name: _saturation(rows[name], read) for name in cell.gates})
    return found


def _saturation(activations: Sequence[Tensor], read: Tensor) -> Saturation:
    """Statistics of activations (batch, hidden), one tensor per step, where `read` (steps, batch)."""
    values = torch.stack(list(activations))[read].double()
    return Saturation(
        values.mean().item(), (values < NEAR).double().mean().item(), (values > 1 - NEAR).double().mean().item()
    )
