"""A text that grows as tokens are decoded to characters, up to a stop string or the last token."""

from copy import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gatelab.generation.decoders import Decoded, Decoder, Stream
from gatelab.generation.decoders.base import Floats
from gatelab.generation.sessions import Session, Undecided
from gatelab.generation.stops import StopBuffer
from gatelab.specs.generation import Sampling
from gatelab.text.tokenizers import Ids, Tokenizer

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Piece:
    """Some tokens of a text.

    Attributes:
        text: the text that may be shown now. It is held back while it could be the beginning of a stop string.
        ids: the tokens that were chosen since the previous piece.
        logits: (tokens, vocabulary) that they were chosen from, if asked for.
        finish_reason: set on the last piece.
    """

    text: str
    ids: Ids
    logits: Floats | None = None
    finish_reason: FinishReason | None = None


class Text:
    """A text that grows as its tokens are decoded.

    Args:
        prompt: (tokens,) the text before it.
        session: the text that the prompt continues. It can be continued in turn, so its undecided end is held back. A
            text without a session shows everything at its end.
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
        """The text that may be shown now; and the number of tokens up to the end of a stop string, if one is complete.

        All tokens are decoded together. They are decoded one by one only if a stop string ends among them, which
        happens once per text.
        """
        if not self.how.stop:
            return self._stops.push(self._decode.many(ids))[0], None
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
        """The text that is not shown yet."""
        return Undecided(self._decode.pending, self._stops.held)

    def session_after(self, decoder: Decoder, stream: Stream) -> Session:
        """The session at the end of the text, which began with one.

        Args:
            stream: the stream that wrote it. Only if that is further than the text, the text is read once more.

        Raises:
            NotFinite: the state is not.
        """
        assert self.session is not None
        ids = np.concatenate([np.zeros(0, np.int64), *self._written])
        if self._wanted <= 0:
            # The batch does not write beyond the end, so the rounding is the same as for a text written at once.
            read = self.session.noting(decoder, self._prompt)
            return read.wrote(decoder, ids, stream.state, self.undecided)
        return self.session.after(decoder, self._prompt).wrote(decoder, ids, None, self.undecided)
