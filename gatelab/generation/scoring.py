"""How likely a model finds a text."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatelab.generation.decoders import Decoder
from gatelab.text.tokenizers import BEGIN, Encoded, Ids

Doubles = NDArray[np.float64]

CHUNK = 2048
"""Tokens judged at once: bounds the memory of their logits."""


@dataclass(frozen=True)
class Score:
    """
    Attributes:
        log_probabilities: (tokens,) of each token after those before it, in nats; `<bos>` stands before the first.
        characters: of the text.
    """

    log_probabilities: Doubles
    characters: int

    @property
    def loss(self) -> float:
        """Nats per token; 0 for a text without any."""
        return -float(self.log_probabilities.mean()) if len(self.log_probabilities) else 0.0

    @property
    def perplexity(self) -> float:
        """exp(loss), infinite where it overflows."""
        try:
            return math.exp(self.loss)
        except OverflowError:
            return math.inf

    @property
    def bits_per_character(self) -> float:
        return float((-self.log_probabilities).sum()) / math.log(2) / max(1, self.characters)


def score(decoder: Decoder, text: Encoded) -> Score:
    """Judge a text that begins there.

    Raises:
        NotFinite: the model computes logits or a state that are not.
    """
    return Score(_of_each(decoder, text.ids), text.characters)


def log_probabilities(logits: NDArray[np.floating]) -> Doubles:
    """log softmax of logits (tokens, vocabulary)."""
    shifted: Doubles = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def _of_each(decoder: Decoder, ids: Ids) -> Doubles:
    found, before, state = np.empty(len(ids)), BEGIN, decoder.initial_state()
    for at in range(0, len(ids), CHUNK):
        piece = ids[at : at + CHUNK]
        logits, state = decoder.predict(np.append(before, piece[:-1]).astype(np.int64), state)
        found[at : at + CHUNK] = np.take_along_axis(log_probabilities(logits), piece[:, None], axis=1)[:, 0]
        before = piece[-1]
    return found
