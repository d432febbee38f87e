"""Tokens that do not depend on rounding: those on which two decoders must agree."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gatelab.generation import stream_of
from gatelab.generation.decoders import Decoder, Stream
from gatelab.generation.decoders.base import Floats
from gatelab.generation.sampling import choose
from gatelab.specs import Sampling
from gatelab.text.tokenizers import Ids
from tests.rounding import largest, rounding


class Drawn(np.random.Generator):
    """A generator whose next number is known."""

    def __init__(self, number: float) -> None:
        super().__init__(np.random.PCG64())
        self.number = number

    def random(self, *_: object, **__: object) -> Any:
        return self.number


def clear_choice(logits: Floats, stream: Stream, uniform: float, apart: float) -> int | None:
    """The chosen token; None if logits that differ by `apart` could give another one."""
    how = stream.how

    def chosen(logits: NDArray[np.float64], off: float) -> int:
        filters = {"top_p": how.top_p, "min_p": how.min_p, "repetition_penalty": how.repetition_penalty}
        moved = {name: value * (1 + off) for name, value in filters.items() if value is not None}
        return choose(logits, how.model_copy(update=moved), Drawn(uniform + off), stream.seen, stream.bias)

    exact = logits.astype(np.float64)
    token = chosen(exact, 0)
    if how.temperature == 0:
        lowered = exact.copy()
        lowered[token] -= 4 * apart
        others = {chosen(lowered, 0)}
    else:
        # Weights, and so their sums, are off by this share.
        others = {chosen(exact, off) for off in (-apart / how.temperature, apart / how.temperature)}
    return token if others == {token} else None


def clear_tokens(decoder: Decoder, prompt: Ids, how: Sampling, terms: int) -> Ids:
    """The tokens that a decoder generates, up to the first that the rounding of logits could change.

    Args:
        terms: the number of terms in the sum for a logit.
    """
    stream, again = (stream_of(decoder, prompt, how) for _ in range(2))
    [found] = decoder.decode([stream], how.max_tokens, logits=True)
    assert found.logits is not None
    apart = rounding(terms, max(1.0, largest(found.logits)), torch.float32)
    for count, (token, logits) in enumerate(zip(found.ids, found.logits, strict=True)):
        if clear_choice(logits, again, again.random.random() if how.temperature else 0, apart) != token:
            return found.ids[:count]
        if again.seen is not None:
            again.seen[token] = 1
    return found.ids
