"""The likelihood of a text under a model."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatelab.generation.decoders import Decoder
from gatelab.network import log_probabilities
from gatelab.text.tokenizers import BEGIN, Encoded, Ids

Doubles = NDArray[np.float64]

CHUNK = 2048
"""The most tokens scored at once."""
MOST_LOGITS = 2**22
"""The most logits computed at once, which bounds their memory."""
MOST_READ = 2**28
"""The most bytes of weights that are read at once, which bounds the time of a piece: every token reads all weights."""


@dataclass(frozen=True)
class Score:
    """
    Attributes:
        log_probabilities: (tokens,) of each token given those before it, in nats; `<bos>` precedes the first.
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


def score(decoder: Decoder, text: Encoded, between: Callable[[], object] = lambda: None) -> Score:
    """Score a text from its beginning.

    Args:
        between: called before each piece of tokens. If it raises an exception, the work ends.

    Raises:
        NotFinite: the model computes logits or a state that are not.
    """
    return Score(_of_each(decoder, text.ids, between), text.characters)


def pieces_of(ids: Ids, decoder: Decoder) -> Iterator[slice]:
    """The pieces of a text (tokens,) that `decoder` scores one after the other."""
    step = max(1, min(CHUNK, MOST_LOGITS // decoder.vocabulary, MOST_READ // decoder.bytes))
    return (slice(at, at + step) for at in range(0, len(ids), step))


def _of_each(decoder: Decoder, ids: Ids, between: Callable[[], object]) -> Doubles:
    found, before, state = np.empty(len(ids)), BEGIN, decoder.initial_state()
    for where in pieces_of(ids, decoder):
        between()
        piece = ids[where]
        logits, state = decoder.predict(np.append(before, piece[:-1]).astype(np.int64), state)
        found[where] = np.take_along_axis(log_probabilities(logits), piece[:, None], axis=1)[:, 0]
        before = piece[-1]
    return found
