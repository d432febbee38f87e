"""The reference decoder: the network's equations in numpy, one step at a time for all streams."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gatelab.generation.decoders.base import Decoded, Decoder, Floats, Stream, cut_short
from gatelab.generation.sampling import choose, not_finite
from gatelab.network import Array, Network, NetworkState
from gatelab.text.tokenizers import Ids

PROMPT_CHUNK = 1024
"""The most prompt tokens that are read in one scan, which bounds the memory of a long prompt."""


class ReferenceDecoder(Decoder):
    """It defines what other decoders must choose, except for rounding. It serves models that they cannot."""

    def __init__(self, network: Network) -> None:
        self._network, self.vocabulary = network, network.vocabulary
        self.bytes = sum(array.nbytes for array in network.weights.values())

    def initial_state(self) -> Floats:
        return _row(self._network.initial_state(1))

    def read(self, ids: Ids, state: Floats) -> Floats:
        return _finite("states", _row(self._read(ids, state)[1]))

    def predict(self, ids: Ids, state: Floats) -> tuple[Floats, Floats]:
        outputs, now = self._read(ids, state)
        with np.errstate(over="ignore", invalid="ignore"):
            logits = self._network.logits(outputs).astype(np.float32)
        return _finite("logits", logits), _finite("states", _row(now))

    def _read(self, ids: Ids, state: Floats) -> tuple[Array, NetworkState]:
        """The output of the last layer (tokens, hidden), and the state after them."""
        now, outputs = self._state([state]), []
        for at in range(0, len(ids), PROMPT_CHUNK):
            found, now = self._network.read(ids[at : at + PROMPT_CHUNK, None], now)
            outputs.append(found[:, 0])
        nothing = np.empty((0, self._network.spec.widths[-1]), self._network.precision)
        return np.concatenate(outputs) if outputs else nothing, now

    def decode(self, streams: Sequence[Stream], steps: int, *, logits: bool = False) -> list[Decoded]:
        state = self._state([stream.state for stream in streams])
        chosen = np.empty((len(streams), steps), np.int64)
        known: list[Floats] = []
        written = [0] * len(streams)  # those of each stream, up to its first step with a number that is not finite
        for step in range(steps):
            tokens = np.array([[stream.token for stream in streams]])
            outputs, state = self._network.read(tokens, state)
            rows = self._network.logits(outputs[0])
            with np.errstate(over="ignore", invalid="ignore"):
                known.append(rows.astype(np.float32))
            finite = _all_finite(state) & np.isfinite(known[-1]).all(axis=1)
            for number, (stream, row, ids) in enumerate(zip(streams, rows, chosen, strict=True)):
                if written[number] < step or not finite[number]:
                    continue
                stream.token = ids[step] = choose(row, stream.how, stream.random, stream.seen, stream.bias)
                if stream.seen is not None:
                    stream.seen[stream.token] = 1
                written[number] += 1
        for stream, after in zip(streams, _rows(state), strict=True):
            stream.state = after
        decoded = [Decoded(ids, rows) for ids, rows in zip(chosen, np.stack(known, axis=1), strict=True)]
        if not logits:
            decoded = [replace(each, logits=None) for each in decoded]
        return [cut_short(each, count) for each, count in zip(decoded, written, strict=True)]

    def _state(self, states: Sequence[Floats]) -> NetworkState:
        layers = np.stack(states, axis=2).astype(self._network.precision)
        widths = self._network.spec.widths
        return tuple(tuple(layer[..., :width]) for layer, width in zip(layers, widths, strict=True))


def _finite(what: str, numbers: Floats) -> Floats:
    """
    Raises:
        NotFinite: they are not.
    """
    if not np.isfinite(numbers).all():
        raise not_finite(what)
    return numbers


def _all_finite(state: NetworkState) -> NDArray[np.bool_]:
    """For each row, whether all of its state is finite."""
    finite: NDArray[np.bool_] = np.logical_and.reduce(
        [np.isfinite(array).all(axis=1) for layer in state for array in layer]
    )
    return finite


def _row(state: NetworkState) -> Floats:
    """(layers, tensors of a state, hidden) of the only row"""
    row: Floats = _rows(state)[0]
    return row


def _rows(state: NetworkState) -> Floats:
    """(rows, layers, tensors of a state, hidden), with zeros behind the units of layers that have fewer than others"""
    first, *_ = state
    widest, rows = max(layer[0].shape[1] for layer in state), len(first[0])
    found = np.zeros((rows, len(state), len(first), widest), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for number, layer in enumerate(state):
            for place, tensor in enumerate(layer):
                found[:, number, place, : tensor.shape[1]] = tensor
    return found
