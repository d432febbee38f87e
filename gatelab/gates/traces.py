"""Traces: the activation of every gate and every hidden unit at every step of a text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatelab.gates.clamps import Clamps, recording
from gatelab.network import Array, Layer, Network, log_probabilities
from gatelab.text.tokenizers import Ids

Floats = NDArray[np.float32]

_NAMES = {"h": "hidden", "c": "cell"}
NOTHING = np.empty(0, np.int64)
PIECE_STEPS = 256
"""The most steps whose products with the input are in memory at once."""
STATE_NAMES = tuple(_NAMES.values())
"""Names of the output h, and of an LSTM's c. Other tensors of a state keep their letters."""


@dataclass(frozen=True)
class LayerTrace:
    """One layer over all steps.

    Attributes:
        layer: its number; the first is 0.
        units: (units,) the numbers of the hidden units that follow.
        gates: name -> (steps, units), the activations as they were used; a held gate has its held value.
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
        layers: the requested ones.
        next: (vocabulary,) probabilities of the token after the last one.
    """

    layers: Sequence[LayerTrace]
    next: NDArray[np.float64]


def trace(
    network: Network,
    ids: Ids,
    clamps: Clamps,
    *,
    layers: Sequence[int] | None = None,
    units: Sequence[int] | None = None,
    between: Callable[[], object] = lambda: None,
) -> Trace:
    """Read a text from the initial state and record everything.

    Args:
        ids: (steps,) at least one, `<bos>` included.
        clamps: made for this network and this number of steps.
        layers, units: those to record; by default all.
        between: called before each step. If it raises an exception, the work ends.
    """
    shown = range(network.spec.layers) if layers is None else layers
    wanted = None if units is None else np.array(units, dtype=np.int64)
    x = network.entering(ids[:, None])
    traces = {}
    for number, layer in enumerate(network.layers):
        read = network.normalized(number, x)
        outputs, rows = observed(layer, read, number, clamps, wanted if number in shown else NOTHING, between)
        x = network.joined(number, read, x, outputs)
        if number in shown:
            traces[number] = _picked(layer, number, rows, np.arange(layer.hidden) if wanted is None else wanted)
    with np.errstate(all="ignore"):
        likely = np.exp(log_probabilities(network.double_logits(x[-1])))
    return Trace([traces[layer] for layer in shown], likely[0])


def state_names(layer: Layer) -> list[str]:
    """The names of the tensors of a layer's state, all different, and different from the names of gates."""
    names = [_NAMES.get(letter, letter) for letter in layer.states]
    return names if len({*names, *layer.gates}) == len(names) + len(layer.gates) else list(layer.states)


def observed(
    layer: Layer,
    x: Array,
    number: int,
    clamps: Clamps,
    units: Ids | None = None,
    between: Callable[[], object] = lambda: None,
) -> tuple[Array, dict[str, Array]]:
    """One layer reads `x`, (steps, rows, inputs) or ids (steps, rows), from its initial state.

    Args:
        number: which layer it is.
        units: those to record; by default all.
        between: called before each step.

    Returns:
        The outputs (steps, rows, hidden); and under the name of each gate, and `state.` and the name of each tensor of
        the state, (steps, rows, units).
    """
    steps, count = x.shape[:2]
    state, wanted = layer.initial_state(count), slice(None) if units is None else units
    width = layer.hidden if units is None else len(units)
    names = [*layer.gates, *(f"state.{name}" for name in state_names(layer))]
    rows = {name: np.empty((steps, count, width), layer.dtype) for name in names}
    outputs = np.empty((steps, count, layer.hidden), layer.dtype)
    for step, u in enumerate(_projected(layer, x)):
        between()

        def see(name: str, values: Array, step: int = step) -> None:
            rows[name][step] = values[:, wanted]

        state = layer.update(u, state, recording(layer.gates, clamps.at(step, number), see))
        for name, tensor in zip(state_names(layer), state, strict=True):
            see(f"state.{name}", tensor)
        outputs[step] = state[0]
    return outputs, rows


def _projected(layer: Layer, x: Array) -> Iterator[Array]:
    """The products of each step with the input, a piece of the steps at a time: they are several times the outputs."""
    for at in range(0, len(x), PIECE_STEPS):
        yield from layer.project(x[at : at + PIECE_STEPS])


def _picked(layer: Layer, number: int, rows: Mapping[str, Array], units: Ids) -> LayerTrace:
    def matrix(name: str) -> Floats:
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(rows[name][:, 0], np.float32)

    return LayerTrace(
        number,
        units,
        {name: matrix(name) for name in layer.gates},
        {name: matrix(f"state.{name}") for name in state_names(layer)},
    )
