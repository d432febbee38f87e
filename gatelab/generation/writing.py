"""From a prompt to pieces of text: what is decoded becomes characters, up to a stop string or the last token."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gatelab.generation.batching import Batcher, Writing
from gatelab.generation.decoders import Decoded, Decoder, Stream
from gatelab.generation.decoders.base import Floats
from gatelab.generation.sessions import Session
from gatelab.generation.stops import StopBuffer
from gatelab.randomness import numpy_generator
from gatelab.specs.generation import Sampling
from gatelab.text.tokenizers import Ids, Tokenizer

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Piece:
    """Some tokens of a text.

    Attributes:
        text: what may be shown now: held back while it could be the beginning of a stop string.
        ids: the tokens that were chosen since the piece before.
        logits: (tokens, vocabulary) that they were chosen from, if asked for.
        finish_reason: set on the last piece.
    """

    text: str
    ids: Ids
    logits: Floats | None = None
    finish_reason: FinishReason | None = None


class Text:
    """A text that grows by what is decoded."""

    def __init__(self, tokenizer: Tokenizer, how: Sampling) -> None:
        self._decode, self._stops, self._wanted = tokenizer.decoder(), StopBuffer(how.stop), how.max_tokens

    def add(self, news: Decoded) -> Piece:
        shown: list[str] = []
        for count, token in enumerate(news.ids.tolist(), start=1):
            text, stopped = self._stops.push(self._decode(token))
            shown.append(text)
            if stopped:
                until = news.first(count)
                return Piece("".join(shown), until.ids, until.logits, "stop")
        self._wanted -= len(news.ids)
        if self._wanted > 0:
            return Piece("".join(shown), news.ids, news.logits)
        return Piece("".join(shown) + self._stops.rest(), news.ids, news.logits, "length")


def stream_of(decoder: Decoder, prompt: Ids, how: Sampling, index: int = 0, session: Session | None = None) -> Stream:
    """A stream that goes on from a prompt, which begins a text: `<bos>` stands before it, as in training.

    Args:
        prompt: (tokens,)
        session: the text that the prompt goes on with instead.
        index: which of several texts from one request this is. Each has random numbers of its own.
    """
    seed = secrets.randbits(53) if how.seed is None else how.seed
    seen: NDArray[np.uint8] | None = None
    if how.repetition_penalty != 1:
        seen = np.zeros(decoder.vocabulary, np.uint8)
        seen[prompt] = 1
    bias: Floats | None = None
    if how.logit_bias:
        bias = np.zeros(decoder.vocabulary, np.float32)
        bias[list(how.logit_bias)] = list(how.logit_bias.values())
    here = (session or Session.begin(decoder, "", 0)).after(decoder, prompt)
    random = numpy_generator(seed, "generate", *([index] if index else []))
    return Stream(how, random, here.state, here.token, seen, bias)


def continuation(decoder: Decoder, tokenizer: Tokenizer, prompt: str, how: Sampling) -> str:
    """What follows `prompt`, in one go."""
    [news] = decoder.decode([stream_of(decoder, tokenizer.encode(prompt).ids, how)], how.max_tokens)
    return Text(tokenizer, how).add(news).text


class Pieces:
    """The pieces of a text that is being written, as they come. Who no longer wants them closes it, or forgets it."""

    def __init__(
        self,
        decoder: Decoder,
        stream: Stream,
        tokenizer: Tokenizer,
        *,
        logits: bool = False,
        ended: Callable[[], object] = lambda: None,
        on_tokens: Callable[[int], object] = lambda _: None,
    ) -> None:
        """
        Args:
            ended: is called once, when nothing more will be written.
            on_tokens: is told of every piece how many tokens it has, when it is asked for.
        """
        self._end, self._on_tokens = ended, on_tokens
        self._loop, self._inbox = asyncio.get_running_loop(), asyncio.Queue[Decoded | Exception]()
        self._text = Text(tokenizer, stream.how)
        self._ended = False
        self.writing = Writing(decoder, stream, stream.how.max_tokens, self._deliver, logits)

    def _deliver(self, news: Decoded | Exception) -> None:
        self._loop.call_soon_threadsafe(self._inbox.put_nowait, news)

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self

    async def __anext__(self) -> Piece:
        if self._ended:
            raise StopAsyncIteration
        try:
            news = await self._inbox.get()
        except asyncio.CancelledError:
            self.close()
            raise
        if isinstance(news, Exception):
            self.close()
            raise news
        piece = self._text.add(news)
        self._on_tokens(len(piece.ids))
        if piece.finish_reason:
            self.close()
        return piece

    def close(self) -> None:
        if not self._ended:
            self._ended = self.writing.dropped = True
            self._end()

    __del__ = close


def write(
    batcher: Batcher,
    decoder: Decoder,
    stream: Stream,
    tokenizer: Tokenizer,
    *,
    logits: bool = False,
    ended: Callable[[], object] = lambda: None,
    on_tokens: Callable[[int], object] = lambda _: None,
) -> Pieces:
    """Write on, together with whatever else is written.

    Args:
        ended, on_tokens: see `Pieces`.

    Raises:
        Overloaded: too many texts are being written.
    """
    pieces = Pieces(decoder, stream, tokenizer, logits=logits, ended=ended, on_tokens=on_tokens)
    batcher.open(pieces.writing)
    return pieces
