"""What every gate and every hidden unit did at every step of a text: the reference, one `update` after the other."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gatelab.cells import Cell, weights_of
from gatelab.gates.clamps import Clamps, recording
from gatelab.model import LanguageModel
from gatelab.text.tokenizers import Ids

Floats = NDArray[np.float32]

_NAMES = {"h": "hidden", "c": "cell"}
STATE_NAMES = tuple(_NAMES.values())
"""Names of the output h, and of what an LSTM calls c. Other tensors of a state keep their letters."""


@dataclass(frozen=True)
class LayerTrace:
    """One layer over all steps.

    Attributes:
        layer: its number; the first is 0.
        units: (units,) the numbers of the hidden units that follow.
        gates: name -> (steps, units), the activations as they were used: those that are held are what they are held at.
        state: name of `state_names` -> (steps, units) after each step.
    """

    layer: int
    units: Ids
    gates: Mapping[str, Floats]
    state: Mapping[str, Floats]


@dataclass(frozen=True)
class Trace:
    """
    Attributes:
        layers: those that were asked for.
        next: (vocabulary,) probabilities of the token after the last one.
    """

    layers: Sequence[LayerTrace]
    next: NDArray[np.float64]


@torch.no_grad()
def trace(
    model: LanguageModel,
    ids: Ids,
    clamps: Clamps,
    *,
    layers: Sequence[int] | None = None,
    units: Sequence[int] | None = None,
) -> Trace:
    """Read a text from a zero state and note everything.

    Args:
        ids: (steps,) at least one, `<bos>` included.
        clamps: made for this model and this number of steps.
        layers, units: which ones are kept; default all.
    """
    shown = range(model.spec.layers) if layers is None else layers
    picked = np.arange(model.spec.cell.hidden) if units is None else np.array(units, dtype=np.int64)
    only = None if units is None else torch.from_numpy(picked).to(model.device)
    x = entering(model, ids[:, None])
    traces = {}
    for layer, cell in enumerate(cells_of(model)):
        x, rows = observed(cell, x, layer, clamps, only)
        if layer in shown:
            traces[layer] = _picked(cell, layer, rows, picked)
    logits = x[-1, 0].double() @ model.weight_head.double() + model.bias_head.double()
    return Trace([traces[layer] for layer in shown], logits.softmax(0).cpu().numpy())


def entering(model: LanguageModel, ids: Ids) -> Tensor:
    """What ids (steps, batch) enter the first layer as: embeddings, or themselves for one-hot rows."""
    tokens = torch.from_numpy(ids).to(model.device)
    return tokens if model.embedding is None else nn.functional.embedding(tokens, model.embedding)


def cells_of(model: LanguageModel) -> list[Cell]:
    """The cells of the layers."""
    return [cell for cell in model.cells if isinstance(cell, Cell)]


def state_names(cell: Cell) -> list[str]:
    """What the tensors of a cell's state are called, each differently, and none as a gate."""
    names = [_NAMES.get(letter, letter) for letter in cell.states]
    return names if len({*names, *cell.gates}) == len(names) + len(cell.gates) else list(cell.states)


def observed(
    cell: Cell, x: Tensor, layer: int, clamps: Clamps, units: Tensor | None = None
) -> tuple[Tensor, dict[str, list[Tensor]]]:
    """One layer reads `x`, (steps, batch, inputs) or ids (steps, batch), from a zero state.

    Args:
        units: those that are noted; default all.

    Returns:
        The outputs (steps, batch, hidden); and under the name of each gate, and `state.` and the name of each tensor of
        the state, a list of (batch, units), one a step.
    """
    state = cell.initial_state(x.shape[1])
    rows: defaultdict[str, list[Tensor]] = defaultdict(list)

    def see(name: str, values: Tensor) -> None:
        rows[name].append(values if units is None else values[:, units])

    outputs, weights = [], weights_of(cell)
    for step, u in enumerate(cell.project(x).unbind(0)):
        state = cell.update(u, state, recording(cell.gates, clamps.at(step, layer), see), weights)
        for name, tensor in zip(state_names(cell), state, strict=True):
            see(f"state.{name}", tensor)
        outputs.append(state[0])
    return torch.stack(outputs), rows


def _picked(cell: Cell, layer: int, rows: Mapping[str, list[Tensor]], units: Ids) -> LayerTrace:
    def matrix(name: str) -> Floats:
        return np.ascontiguousarray(torch.cat(rows[name]).float().cpu().numpy())

    return LayerTrace(
        layer,
        units,
        {name: matrix(name) for name in cell.gates},
        {name: matrix(f"state.{name}") for name in state_names(cell)},
    )
