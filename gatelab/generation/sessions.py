"""Sessions: a text to be continued later, as a signed token that the client keeps.

The token holds everything that decides how the text continues, bound to a run and a checkpoint: the hidden state, and
the facts about the earlier text that the next request needs. Its length does not depend on the length of the text,
except for a held-back part of a stop string. Two tokens of the same checkpoint can be mixed. The service keeps nothing.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from gatelab.errors import InvalidState
from gatelab.generation.decoders import Decoder
from gatelab.generation.decoders.base import Floats
from gatelab.specs.generation import STOP_CHARACTERS
from gatelab.tensor_file import read_arrays, read_metadata
from gatelab.text.tokenizers import BEGIN, Ids

DIGEST = hashlib.sha256
SIGNATURE_BYTES = DIGEST().digest_size


Bits = NDArray[np.uint8]

MOST_HELD = STOP_CHARACTERS - 1
"""The most characters of a stop string that are held back."""


@dataclass(frozen=True)
class Undecided:
    """The end of a text that is not shown yet, since it depends on the next token.

    Attributes:
        pending: bytes of an incomplete character.
        held: text that may be the beginning of a stop string.
    """

    pending: bytes = b""
    held: str = ""


DECIDED = Undecided()


@dataclass(frozen=True)
class Session:
    """The position in a text.

    Attributes:
        run, step: the checkpoint whose weights have read the text.
        state: (layers, tensors of a state, hidden), after all of the text but its last token.
        token: the last one.
        written: the number of sampled tokens of the text, without those of prompts; the next one uses the random number
            with this index.
        seen: a bit for every token id, the first in the highest bit: whether it is in the text. Empty before a text,
            and if that was not recorded.
        undecided: the end that is not shown yet.
    """

    run: str
    step: int
    state: Floats
    token: int
    written: int = 0
    seen: Bits = field(default_factory=lambda: np.zeros(0, np.uint8))
    undecided: Undecided = DECIDED

    @classmethod
    def begin(cls, decoder: Decoder, run: str, step: int) -> "Session":
        """The session before any text."""
        return cls(run, step, decoder.initial_state(), BEGIN)

    @property
    def sound(self) -> bool:
        """Whether everything has its type. Signed tokens are checked too, since keys are shared and programs change."""
        numbers = (self.step, self.token, self.written)
        whole = all(isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in numbers)
        state = self.state.dtype == np.float32 and self.state.ndim == 3
        seen = self.seen.dtype == np.uint8 and self.seen.ndim == 1
        undecided = isinstance(self.undecided.held, str) and len(self.undecided.held) <= MOST_HELD
        return isinstance(self.run, str) and whole and state and seen and undecided and len(self.undecided.pending) < 4

    def fits(self, decoder: Decoder) -> bool:
        """Whether `decoder` can continue from here."""
        known = len(self.seen) in (0, -(-decoder.vocabulary // 8))
        return self.state.shape == decoder.initial_state().shape and 0 <= self.token < decoder.vocabulary and known

    def after(self, decoder: Decoder, ids: Ids) -> "Session":
        """The session after `ids` (tokens,) of a prompt.

        Raises:
            NotFinite: the state is not.
        """
        if not len(ids):
            return self
        noted = self.noting(decoder, ids)
        return replace(noted, state=self._read(decoder, ids), token=int(ids[-1]))

    def noting(self, decoder: Decoder, ids: Ids) -> "Session":
        """The same, except for the state and the last token, which stay."""
        return replace(self, seen=self._seen_with(decoder, ids), undecided=DECIDED) if len(ids) else self

    def wrote(self, decoder: Decoder, ids: Ids, state: Floats | None, undecided: Undecided) -> "Session":
        """The session after `ids` (tokens,), which were sampled.

        Args:
            state: after all of them but the last; if None, they are read once more.
        """
        if not len(ids):
            return replace(self, undecided=undecided)
        if state is None:
            state = self._read(decoder, ids)
        written, seen = self.written + len(ids), self._seen_with(decoder, ids)
        return replace(self, state=state, token=int(ids[-1]), written=written, seen=seen, undecided=undecided)

    def tokens_seen(self, decoder: Decoder) -> Bits:
        """(vocabulary,) 1 for the tokens of the text."""
        if not len(self.seen):
            return np.zeros(decoder.vocabulary, np.uint8)
        return np.unpackbits(self.seen, count=decoder.vocabulary)

    def _read(self, decoder: Decoder, ids: Ids) -> Floats:
        """The state after all of `ids` but the last."""
        return decoder.read(np.concatenate([[self.token], ids[:-1]]).astype(np.int64), self.state)

    def _seen_with(self, decoder: Decoder, ids: Ids) -> Bits:
        seen = self.tokens_seen(decoder)
        seen[ids] = 1
        return np.packbits(seen)

    def mixed(self, other: "Session", share: float) -> "Session":
        """The state that lies between this one and another, a `share` of the way; everything else comes from this one.

        Raises:
            InvalidState: the other is not of the same checkpoint.
        """
        if (self.run, self.step) != (other.run, other.step):
            raise InvalidState.at("other", "belongs to another checkpoint")
        return replace(self, state=((1 - share) * self.state + share * other.state).astype(np.float32))


class Sealer:
    """Makes tokens of sessions, and sessions of the tokens it made."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, session: Session) -> str:
        # In one entry: several come in a different order every time, which would change the token.
        left = [session.undecided.pending.hex(), session.undecided.held]
        facts = json.dumps([session.run, session.step, session.token, session.written, *left])
        data = save({"state": session.state, "seen": session.seen}, metadata={"session": facts})
        return base64.urlsafe_b64encode(self._sign(data) + data).decode()

    def open(self, token: str, path: str = "state") -> Session:
        """
        Args:
            path: the field that held the token, for the error.

        Raises:
            InvalidState: it is not one of this installation's tokens.
        """
        try:
            sealed = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise InvalidState.at(path, "is not a state from this installation") from None
        signature, data = sealed[:SIGNATURE_BYTES], sealed[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(data)):
            raise InvalidState.at(path, "is not a state from this installation, or was changed since")
        try:
            found = _read(data)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InvalidState.at(path, "was written by a version of Gatelab with another format of states") from None
        if not found.sound:
            raise InvalidState.at(path, "was written by a version of Gatelab with another format of states")
        if not np.isfinite(found.state).all():
            raise InvalidState.at(path, "has numbers that are not finite: begin the text again without it")
        return found

    def _sign(self, data: bytes) -> bytes:
        return hmac.new(self._key, data, DIGEST).digest()


def _read(data: bytes) -> Session:
    """The session that `Sealer.seal` wrote, now or when a session was only state and last token. An old one continues
    as it did then: with the options of the next request, and nothing known of the earlier text.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: something else.
    """
    facts, tensors = json.loads(read_metadata(data)["session"]), read_arrays(data)
    if len(facts) == 3:
        run, step, token = facts
        return Session(run, step, tensors["state"], token)
    run, step, token, written, pending, held = facts
    undecided = Undecided(bytes.fromhex(pending), held)
    return Session(run, step, tensors["state"], token, written, tensors["seen"], undecided)
