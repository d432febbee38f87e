"""Generation as simple as it can be written: one text, a token at a time, over an explicit state.

The batcher, which serves many texts at once, must generate the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gatelab.generation.sampling import Floats, choose
from gatelab.generation.stops import StopBuffer
from gatelab.generation.streams import random_of
from gatelab.generation.written_text import FinishReason
from gatelab.network import Network, NetworkState
from gatelab.specs.generation import Sampling
from gatelab.text.tokenizers import BEGIN, Ids, Tokenizer


@dataclass(frozen=True)
class Token:
    """One generated token.

    Attributes:
        id: its id.
        text: the text that may be shown now; text that could be the beginning of a stop string is held back.
        state: the model's state after reading everything before this token.
        finish_reason: set on the last token.
    """

    id: int
    text: str
    state: NetworkState
    finish_reason: FinishReason | None = None


def generate(
    network: Network,
    tokenizer: Tokenizer,
    prompt: str,
    how: Sampling,
    *,
    state: NetworkState | None = None,
) -> Iterator[Token]:
    """Continue `prompt` for up to `how.max_tokens` tokens.

    Args:
        state: the state, of batch 1, with which to begin instead of the zero state. It requires a prompt. It is the
            state of the model alone: everything else in a `gatelab.generation.Session` begins as for a new text.

    Raises:
        ValueError: a state without a prompt.
        NotFinite: the network's logits are not.
    """
    ids = tokenizer.encode(prompt).ids
    logits, state = read(network, ids, state)
    random, decode, stops = random_of(how), tokenizer.decoder(), StopBuffer(how.stop)
    seen, bias = np.zeros(network.vocabulary, np.uint8), np.zeros(network.vocabulary)
    seen[ids] = 1
    bias[list(how.logit_bias)] = list(how.logit_bias.values())
    for count in range(1, how.max_tokens + 1):
        chosen = choose(logits, how, random, seen, bias)
        seen[chosen] = 1
        text, stopped = stops.push(decode(chosen))
        if stopped:
            yield Token(chosen, text, state, "stop")
            return
        if count == how.max_tokens:
            yield Token(chosen, text + stops.rest(), state, "length")
            return
        yield Token(chosen, text, state)
        logits, state = _advance(network, np.array([[chosen]]), state)


def read(network: Network, ids: Ids, state: NetworkState | None) -> tuple[Floats, NetworkState]:
    """Read a prompt. A text without a state starts with `<bos>`, as in training.

    Returns:
        Logits (vocabulary,) of what follows, and the state after the prompt.
    """
    if state is None:
        ids, state = np.concatenate([[BEGIN], ids]), network.initial_state(1)
    if not len(ids):
        raise ValueError("a state needs a prompt of at least one token to go on from")
    return _advance(network, ids[:, None], state)


def _advance(network: Network, ids: Ids, state: NetworkState) -> tuple[Floats, NetworkState]:
    outputs, state = network.read(ids, state)
    return network.logits(outputs[-1, 0]).astype(np.float64), state
