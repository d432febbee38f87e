"""The pieces of a text on their way from the generator to its reader."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

import numpy as np

from gatelab.errors import GatelabError
from gatelab.generation.batching import Batcher, Writing
from gatelab.generation.decoders import Decoded, Decoder, Stream
from gatelab.generation.sessions import Session
from gatelab.generation.written_text import Piece, Text

MOST_HELD = 2**20
"""The most bytes of a text that wait for their reader. Beyond it, the text is paused until half of them are read."""
PIECE_SECONDS = 0.02
"""The time between two pieces for a reader, so that faster generation makes larger pieces. The first and the
last piece come at once."""
LOOK_SECONDS = 0.1
"""The same for a reader of the whole text, which only checks whether the text is still wanted."""


class Pieces:
    """The pieces of a text as they are generated. A reader that needs no more of them closes or drops this object."""

    def __init__(
        self,
        decoder: Decoder,
        stream: Stream,
        text: Text,
        *,
        logits: bool = False,
        whole: bool = False,
        at_once: bool = False,
        ended: Callable[[], object] = lambda: None,
        on_tokens: Callable[[int], object] = lambda _: None,
        resume: Callable[[Writing], object] = lambda _: None,
    ) -> None:
        """
        Args:
            whole: whether the reader waits for the end anyway.
            at_once: whether the event loop's own thread writes all of it.
            resume: called when a paused text may continue.
            ended: called once, when nothing more will be written.
            on_tokens: called with the number of tokens of every piece, when the piece is asked for.
        """
        self._end, self._on_tokens = ended, on_tokens
        self._come = asyncio.Event()
        # Without a detour through the loop, the reader finds a text of its own thread at once.
        loop = None if at_once else asyncio.get_running_loop()
        self._wake = partial(loop.call_soon_threadsafe, self._come.set) if loop else self._come.set
        self._ended, self.text = False, text
        self._resume, self._held, self._lock = resume, 0, threading.Lock()
        self._news: list[Decoded | Exception] = []
        # Answering tokens with logits takes longer than generating them, so they are passed on a few at a time.
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
        self._wake()

    def _take(self) -> Decoded | Exception | None:
        """The items that have arrived since; None if there are none."""
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

    def __del__(self) -> None:
        """A reader that drops this object counts as one that closed it."""
        self.close()


def _size(news: Decoded | Exception) -> int:
    """Its bytes."""
    if isinstance(news, Exception):
        return 0
    return news.ids.nbytes + (0 if news.logits is None else news.logits.nbytes)


def _ends_badly(news: Sequence[Decoded | Exception]) -> bool:
    """Whether the last item is an error. It comes as a piece of its own, after everything written before it."""
    last = news[-1] if news else None
    return isinstance(last, Exception) or (last is not None and last.fault is not None)


def _joined(news: Sequence[Decoded | Exception]) -> Decoded | Exception:
    """All items as one: chosen tokens without logits and faults are joined; anything else is an item by itself."""
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
    """Generate a text, together with all other open texts.

    Args:
        whole, ended, on_tokens: see `Pieces`.
        at_once: write the whole text in this thread, which takes no longer than passing it to the batcher's thread.

    Raises:
        Overloaded: too many texts are being generated.
    """
    pieces = Pieces(
        decoder,
        stream,
        text,
        logits=logits,
        whole=whole,
        at_once=at_once,
        ended=ended,
        on_tokens=on_tokens,
        resume=batcher.resume,
    )
    if at_once:
        batcher.write_now(pieces.writing)
    else:
        batcher.open(pieces.writing)
    return pieces
