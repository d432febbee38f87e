"""The reference: the model as it is written, a step at a time for all streams, on any device."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gatelab.generation.decoders.base import Decoded, Decoder, Floats, Stream, cut_short
from gatelab.generation.sampling import choose, not_finite
from gatelab.model import LanguageModel, ModelState
from gatelab.text.tokenizers import Ids

PROMPT_CHUNK = 1024
"""Prompt tokens read in one scan: bounds the memory of a long prompt."""


class TorchDecoder(Decoder):
    """It defines what other decoders must choose, but for the rounding of logits.

    Raises:
        NotFinite: a weight is not.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model, self.vocabulary = model, model.vocabulary
        if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
            raise not_finite("weights")

    def initial_state(self) -> Floats:
        return _row(self._model.initial_state(1))

    @torch.inference_mode()
    def read(self, ids: Ids, state: Floats) -> Floats:
        now = self._state([state])
        for chunk in torch.split(torch.from_numpy(ids)[:, None].to(self._model.device), PROMPT_CHUNK):
            _, now = self._model(chunk, now)
        return _finite("states", _row(now))

    @torch.inference_mode()
    def predict(self, ids: Ids, state: Floats) -> tuple[Floats, Floats]:
        logits, now = self._model(torch.from_numpy(ids)[:, None].to(self._model.device), self._state([state]))
        return _finite("logits", logits[:, 0].float().cpu().numpy()), _finite("states", _row(now))

    @torch.inference_mode()
    def decode(self, streams: Sequence[Stream], steps: int, *, logits: bool = False) -> list[Decoded]:
        state = self._state([stream.state for stream in streams])
        chosen = np.empty((len(streams), steps), np.int64)
        known: list[Floats] = []
        written = [0] * len(streams)  # of each, up to its first step with numbers that are not finite
        for step in range(steps):
            tokens = torch.tensor([[stream.token for stream in streams]], device=self._model.device)
            predicted, state = self._model(tokens, state)
            rows = predicted[0].cpu().numpy()
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

    def _state(self, states: Sequence[Floats]) -> ModelState:
        layers = torch.from_numpy(np.stack(states, axis=2)).to(self._model.bias_head)
        return tuple(tuple(layer) for layer in layers)


def _finite(what: str, numbers: Floats) -> Floats:
    """
    Raises:
        NotFinite: they are not.
    """
    if not np.isfinite(numbers).all():
        raise not_finite(what)
    return numbers


def _all_finite(state: ModelState) -> NDArray[np.bool_]:
    """For each row, whether all of its state is finite."""
    tensors = torch.cat([tensor for layer in state for tensor in layer], dim=1)
    found: NDArray[np.bool_] = tensors.isfinite().all(dim=1).cpu().numpy()
    return found


def _row(state: ModelState) -> Floats:
    """(layers, tensors of a state, hidden) of the only row"""
    row: Floats = _rows(state)[0]
    return row


def _rows(state: ModelState) -> Floats:
    """(rows, layers, tensors of a state, hidden)"""
    layers: Tensor = torch.stack([torch.stack(layer) for layer in state])
    return np.ascontiguousarray(layers.permute(2, 0, 1, 3).float().cpu().numpy())
