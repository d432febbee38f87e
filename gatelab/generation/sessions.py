"""Sessions: a text that can be gone on with later, as a signed token of constant size that the client keeps.

The token holds the hidden state as safetensors, bound to a run and a checkpoint. Whoever has two of the same checkpoint
may mix them. Nothing is kept here.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass, replace

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gatelab.checkpoint import read_metadata
from gatelab.errors import InvalidState
from gatelab.generation.decoders import Decoder
from gatelab.generation.decoders.base import Floats
from gatelab.text.tokenizers import BEGIN, Ids

DIGEST = hashlib.sha256
SIGNATURE_BYTES = DIGEST().digest_size


@dataclass(frozen=True)
class Session:
    """Where a text is.

    Attributes:
        run, step: whose weights have read it.
        state: (layers, tensors of a state, hidden), after all of the text but its last token.
        token: the last one.
    """

    run: str
    step: int
    state: Floats
    token: int

    @classmethod
    def begin(cls, decoder: Decoder, run: str, step: int) -> "Session":
        """Before any text."""
        return cls(run, step, decoder.initial_state(), BEGIN)

    @property
    def sound(self) -> bool:
        """Whether everything is of its type. What was signed is asked too: keys are shared, programs change."""
        whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (self.step, self.token))
        state = self.state.dtype == np.float32 and self.state.ndim == 3
        return isinstance(self.run, str) and whole and state

    def fits(self, decoder: Decoder) -> bool:
        """Whether `decoder` can go on from here."""
        return self.state.shape == decoder.initial_state().shape and 0 <= self.token < decoder.vocabulary

    def after(self, decoder: Decoder, ids: Ids) -> "Session":
        """The session when the text has gone on with `ids` (tokens,)."""
        if not len(ids):
            return self
        read = np.concatenate([[self.token], ids[:-1]]).astype(np.int64)
        return replace(self, state=decoder.read(read, self.state), token=int(ids[-1]))

    def mixed(self, other: "Session", share: float) -> "Session":
        """The state that lies between this one and another, a `share` of the way; the last token is this one's.

        Raises:
            InvalidState: the other is not of the same checkpoint.
        """
        if (self.run, self.step) != (other.run, other.step):
            raise InvalidState.at("other", "is of another checkpoint")
        return replace(self, state=((1 - share) * self.state + share * other.state).astype(np.float32))


class Sealer:
    """Makes tokens of sessions, and sessions of the tokens it made."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, session: Session) -> str:
        # In one entry: the order of several is another one every time, and so would the token be.
        facts = json.dumps([session.run, session.step, session.token])
        data = save({"state": session.state}, metadata={"session": facts})
        return base64.urlsafe_b64encode(self._sign(data) + data).decode()

    def open(self, token: str, path: str = "state") -> Session:
        """
        Args:
            path: where the token was, for the error.

        Raises:
            InvalidState: it is not one of this installation's tokens.
        """
        try:
            sealed = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise InvalidState.at(path, "is not a state that this installation gave out") from None
        signature, data = sealed[:SIGNATURE_BYTES], sealed[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(data)):
            raise InvalidState.at(path, "is not a state that this installation gave out, or was changed since")
        try:
            run, step, last = json.loads(read_metadata(data)["session"])
            found = Session(run, step, load(data)["state"], last)
        except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
            raise InvalidState.at(path, "is of an installation that writes states otherwise") from None
        if not found.sound:
            raise InvalidState.at(path, "is of an installation that writes states otherwise")
        return found

    def _sign(self, data: bytes) -> bytes:
        return hmac.new(self._key, data, DIGEST).digest()
