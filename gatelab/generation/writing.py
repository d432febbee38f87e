"""From a prompt to pieces of text: what is decoded becomes characters, up to a stop string or the last token."""

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gatelab.errors import GatelabError
from gatelab.generation.batching import Batcher, Writing
from gatelab.generation.decoders import Decoded, Decoder, Stream
from gatelab.generation.decoders.base import Floats
from gatelab.generation.sessions import Bits, Session, Undecided
from gatelab.generation.stops import StopBuffer
from gatelab.randomness import numpy_generator, skip
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
    """A text that grows by what is decoded.

    Args:
        prompt: (tokens,) what is read before it.
        session: the text that the prompt continues. It can be continued in its turn: what is not decided at the
            end is held back for then. A text without one ends with all that can be shown.
    """

    def __init__(self, tokenizer: Tokenizer, how: Sampling, prompt: Ids, session: Session | None = None) -> None:
        self.how, self.session, self._prompt = how, session, prompt
        # Ids of a prompt may end within a character.
        before = session.undecided if session and not len(prompt) else Undecided(tokenizer.begun(prompt))
        self._tokenizer, self._decode = tokenizer, tokenizer.decoder(before.pending)
        self._stops = StopBuffer(how.stop, before.held)
        self._written: list[Ids] = []
        self._wanted = how.max_tokens

    def add(self, news: Decoded) -> Piece:
        """
        Raises:
            NotFinite: the model's numbers are not, and the text has not ended before.
        """
        shown, count = self._shown(news.ids)
        if count is not None:
            return self._piece(shown, news.first(count), "stop")
        if news.fault:
            raise news.fault
        self._wanted -= len(news.ids)
        if self._wanted > 0:
            return self._piece(shown, news)
        if self.session is None:
            shown += self._stops.rest()
        return self._piece(shown, news, "length")

    def _shown(self, ids: Ids) -> tuple[str, int | None]:
        """What may be shown now; and the number of tokens up to the end of a stop string, if one is complete.

        All of them are looked at together. Only where a stop string ends among them, which happens once in a text, each
        is looked at for itself, to see which.
        """
        pending, stops = self._decode.pending, copy(self._stops)
        text, stopped = self._stops.push(self._decode.many(ids))
        if not stopped:
            return text, None
        self._decode, self._stops = self._tokenizer.decoder(pending), stops
        shown: list[str] = []
        for count, token in enumerate(ids.tolist(), start=1):
            text, stopped = self._stops.push(self._decode(token))
            shown.append(text)
            if stopped:
                return "".join(shown), count
        raise AssertionError("a stop string was complete")

    def _piece(self, shown: str, news: Decoded, reason: FinishReason | None = None) -> Piece:
        if self.session is not None:
            self._written.append(news.ids)
        return Piece(shown, news.ids, news.logits, reason)

    @property
    def undecided(self) -> Undecided:
        """What is not shown yet."""
        return Undecided(self._decode.pending, self._stops.held)

    def session_after(self, decoder: Decoder, stream: Stream) -> Session:
        """The session at the end of the text, which began with one.

        Args:
            stream: what wrote it. It may be further: then, and only then, the text is read once more.

        Raises:
            NotFinite: the state is not.
        """
        assert self.session is not None
        ids = np.concatenate([np.zeros(0, np.int64), *self._written])
        if self._wanted <= 0:
            # A batch does not write beyond it. Nothing was rounded otherwise than in a text in one go.
            read = self.session.noting(decoder, self._prompt)
            return read.wrote(decoder, ids, stream.state, self.undecided)
        return self.session.after(decoder, self._prompt).wrote(decoder, ids, None, self.undecided)


def stream_of(decoder: Decoder, prompt: Ids, how: Sampling, index: int = 0, session: Session | None = None) -> Stream:
    """A stream that continues a prompt, which begins a text: `<bos>` stands before it, as in training.

    Args:
        prompt: (tokens,)
        session: the text that the prompt continues instead.
        index: which of several texts from one request this is. Each has random numbers of its own.

    Raises:
        NotFinite: the model's numbers are not, after the prompt.
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
    """The numbers that choose the tokens of a text after so many that were chosen: a function of the seed."""
    seed = secrets.randbits(53) if how.seed is None else how.seed
    return skip(numpy_generator(seed, "generate", *([index] if index else [])), written)


def continuation(decoder: Decoder, tokenizer: Tokenizer, prompt: str, how: Sampling) -> str:
    """What follows `prompt`, in one go.

    Raises:
        NotFinite: the model's numbers are not.
    """
    ids = tokenizer.encode(prompt).ids
    [news] = decoder.decode([stream_of(decoder, ids, how)], how.max_tokens)
    return Text(tokenizer, how, ids).add(news).text


MOST_HELD = 2**20
"""Bytes of a text that wait for their reader, at most: then it is paused until half of them were read."""
PIECE_SECONDS = 0.02
"""How long a text is written before its reader is woken: pieces grow with the rate at which it is. The first, and the
last, come at once."""
LOOK_SECONDS = 0.1
"""The same for a reader who wants the whole text, and looks only whether it is still wanted."""


class Pieces:
    """The pieces of a text that is being written, as they come. Who no longer wants them closes it, or forgets it."""

    def __init__(
        self,
        decoder: Decoder,
        stream: Stream,
        text: Text,
        *,
        logits: bool = False,
        whole: bool = False,
        ended: Callable[[], object] = lambda: None,
        on_tokens: Callable[[int], object] = lambda _: None,
        resume: Callable[[Writing], object] = lambda _: None,
    ) -> None:
        """
        Args:
            whole: whether the reader waits for the end anyway.
            resume: is called when a writing that was paused may go on.
            ended: is called once, when nothing more will be written.
            on_tokens: called with the number of tokens of every piece, when the piece is asked for.
        """
        self._end, self._on_tokens = ended, on_tokens
        self._loop, self._come = asyncio.get_running_loop(), asyncio.Event()
        self._ended, self.text = False, text
        self._resume, self._held, self._lock = resume, 0, threading.Lock()
        self._news: list[Decoded | Exception] = []
        # To answer tokens with logits takes longer than to write them: few at a time, each as it comes.
        self._each, self._woken = logits, False
        self._pause = LOOK_SECONDS if whole and not text.how.stop else PIECE_SECONDS
        self._last = time.monotonic() if whole else 0.0
        exact = text.session is not None
        self.writing = Writing(decoder, stream, text.how.max_tokens, self._deliver, logits, exact)

    def _deliver(self, news: Decoded | Exception) -> None:
        with self._lock:
            self._news.append(news)
            self._held += _size(news)
            self.writing.paused = self._held > MOST_HELD
            ends = isinstance(news, Exception) or news.fault is not None or self.writing.remaining <= 0
            due = self._each or ends or self.writing.paused or time.monotonic() - self._last >= self._pause
            if self._woken or not due:
                return
            self._woken = True
        self._loop.call_soon_threadsafe(self._come.set)

    def _take(self) -> Decoded | Exception | None:
        """What has come since; None where nothing has."""
        with self._lock:
            count = 1 if self._each else max(1, len(self._news) - _ends_badly(self._news))
            taken, self._news = self._news[:count], self._news[count:]
            if not self._news:
                self._come.clear()
                self._woken, self._last = False, time.monotonic()
            self._held -= sum(map(_size, taken))
            resumes = self.writing.paused and self._held <= MOST_HELD // 2
        if resumes:
            self._resume(self.writing)
        return _joined(taken) if taken else None

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self

    async def __anext__(self) -> Piece:
        if self._ended:
            raise StopAsyncIteration
        try:
            news = None
            while news is None:
                await self._come.wait()
                news = self._take()
        except asyncio.CancelledError:
            self.close()
            raise
        if isinstance(news, Exception):
            self.close()
            raise news
        try:
            piece = self.text.add(news)
        except GatelabError:
            self.close()
            raise
        self._on_tokens(len(piece.ids))
        if piece.finish_reason:
            self.close()
        return piece

    def session(self) -> Session:
        """The session at the end of the text, which began with one; only when it has ended.

        Raises:
            NotFinite: the state is not.
        """
        return self.text.session_after(self.writing.decoder, self.writing.stream)

    def close(self) -> None:
        if not self._ended:
            self._ended = self.writing.dropped = True
            self._end()

    __del__ = close


def _size(news: Decoded | Exception) -> int:
    """Its bytes."""
    if isinstance(news, Exception):
        return 0
    return news.ids.nbytes + (0 if news.logits is None else news.logits.nbytes)


def _ends_badly(news: Sequence[Decoded | Exception]) -> bool:
    """Whether the last of it says what went wrong. It comes by itself: what was written before is shown before."""
    last = news[-1] if news else None
    return isinstance(last, Exception) or (last is not None and last.fault is not None)


def _joined(news: Sequence[Decoded | Exception]) -> Decoded | Exception:
    """All of it as one: what was chosen, without logits and faults, or something alone."""
    if len(news) == 1:
        return news[0]
    return Decoded(np.concatenate([each.ids for each in news if not isinstance(each, Exception)]), None)


def write(
    batcher: Batcher,
    decoder: Decoder,
    stream: Stream,
    text: Text,
    *,
    logits: bool = False,
    whole: bool = False,
    at_once: bool = False,
    ended: Callable[[], object] = lambda: None,
    on_tokens: Callable[[int], object] = lambda _: None,
) -> Pieces:
    """Write on, together with whatever else is written.

    Args:
        whole, ended, on_tokens: see `Pieces`.
        at_once: write all of it here and now, which takes no longer than to hand it to the thread that writes.

    Raises:
        Overloaded: too many texts are being written.
    """
    pieces = Pieces(
        decoder, stream, text, logits=logits, whole=whole, ended=ended, on_tokens=on_tokens, resume=batcher.resume
    )
    if at_once:
        batcher.write_now(pieces.writing)
    else:
        batcher.open(pieces.writing)
    return pieces
