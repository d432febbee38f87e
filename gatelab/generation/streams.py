"""From a prompt to a stream of tokens: its state, its random numbers, the tokens whose repetition is penalised."""

import secrets

import numpy as np

from gatelab.generation.decoders import Decoder, Stream
from gatelab.generation.decoders.base import Floats
from gatelab.generation.sessions import Bits, Session
from gatelab.generation.written_text import Text
from gatelab.randomness import numpy_generator, skip
from gatelab.specs.generation import Sampling
from gatelab.text.tokenizers import Ids, Tokenizer


def stream_of(decoder: Decoder, prompt: Ids, how: Sampling, index: int = 0, session: Session | None = None) -> Stream:
    """A stream that continues a prompt. The prompt begins a text, so `<bos>` precedes it, as in training.

    Args:
        prompt: (tokens,)
        session: the text that the prompt continues instead.
        index: the number of this text among those of one request. Each has its own random numbers.

    Raises:
        NotFinite: the model's numbers are not finite after the prompt.
    """
    here = (session or Session.begin(decoder, "", 0)).after(decoder, prompt)
    seen: Bits | None = None
    if how.repetition_penalty != 1:
        seen = here.tokens_seen(decoder)
    bias: Floats | None = None
    if how.logit_bias:
        bias = np.zeros(decoder.vocabulary, np.float32)
        bias[list(how.logit_bias)] = list(how.logit_bias.values())
    return Stream(how, random_of(how, index, here.written), here.state, here.token, seen, bias)


def random_of(how: Sampling, index: int = 0, written: int = 0) -> np.random.Generator:
    """The random numbers for the next tokens of a text in which `written` were chosen: a function of the seed."""
    seed = secrets.randbits(53) if how.seed is None else how.seed
    return skip(numpy_generator(seed, "generate", *([index] if index else [])), written)


def continuation(decoder: Decoder, tokenizer: Tokenizer, prompt: str, how: Sampling) -> str:
    """The whole text that follows `prompt`.

    Raises:
        NotFinite: the model's numbers are not.
    """
    ids = tokenizer.encode(prompt).ids
    [news] = decoder.decode([stream_of(decoder, ids, how)], how.max_tokens)
    return Text(tokenizer, how, ids).add(news).text
