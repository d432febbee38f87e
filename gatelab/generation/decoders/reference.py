"""The reference: the model as it is written, a step at a time for all streams, on any device."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gatelab.generation.decoders.base import Decoded, Decoder, Floats, Stream
from gatelab.generation.sampling import choose
from gatelab.model import LanguageModel, ModelState
from gatelab.text.tokenizers import Ids

PROMPT_CHUNK = 1024
"""Prompt tokens read in one scan: bounds the memory of a long prompt."""


class TorchDecoder(Decoder):
    """It defines what other decoders must choose, but for the rounding of logits."""

    def __init__(self, model: LanguageModel) -> None:
        self._model, self.vocabulary = model, model.vocabulary

    def initial_state(self) -> Floats:
        return _row(self._model.initial_state(1))

    @torch.inference_mode()
    def read(self, ids: Ids, state: Floats) -> Floats:
        now = self._state([state])
        for chunk in torch.split(torch.from_numpy(ids)[:, None].to(self._model.device), PROMPT_CHUNK):
            _, now = self._model(chunk, now)
        return _row(now)

    @torch.inference_mode()
    def predict(self, ids: Ids, state: Floats) -> tuple[Floats, Floats]:
        logits, now = self._model(torch.from_numpy(ids)[:, None].to(self._model.device), self._state([state]))
        return logits[:, 0].float().cpu().numpy(), _row(now)

    @torch.inference_mode()
    def decode(self, streams: Sequence[Stream], steps: int, *, logits: bool = False) -> list[Decoded]:
        state = self._state([stream.state for stream in streams])
        chosen = np.empty((len(streams), steps), np.int64)
        known: list[Floats] = []
        for step in range(steps):
            tokens = torch.tensor([[stream.token for stream in streams]], device=self._model.device)
            predicted, state = self._model(tokens, state)
            rows = predicted[0].cpu().numpy()
            known.append(rows.astype(np.float32))
            for stream, row, ids in zip(streams, rows, chosen, strict=True):
                stream.token = ids[step] = choose(row, stream.how, stream.random, stream.seen, stream.bias)
                if stream.seen is not None:
                    stream.seen[stream.token] = 1
        for stream, after in zip(streams, _rows(state), strict=True):
            stream.state = after
        of_streams = np.stack(known, axis=1) if logits else [None] * len(streams)
        return [Decoded(ids, rows) for ids, rows in zip(chosen, of_streams, strict=True)]

    def _state(self, states: Sequence[Floats]) -> ModelState:
        layers = torch.from_numpy(np.stack(states, axis=2)).to(self._model.bias_head)
        return tuple(tuple(layer) for layer in layers)


def _row(state: ModelState) -> Floats:
    """(layers, tensors of a state, hidden) of the only row"""
    row: Floats = _rows(state)[0]
    return row


def _rows(state: ModelState) -> Floats:
    """(rows, layers, tensors of a state, hidden)"""
    layers: Tensor = torch.stack([torch.stack(layer) for layer in state])
    return np.ascontiguousarray(layers.permute(2, 0, 1, 3).float().cpu().numpy())
