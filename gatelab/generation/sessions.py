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
from safetensors.numpy import load, save

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
        run, step, last = json.loads(_metadata(data)["session"])
        return Session(run, step, load(data)["state"], last)

    def _sign(self, data: bytes) -> bytes:
        return hmac.new(self._key, data, DIGEST).digest()


def _metadata(data: bytes) -> dict[str, str]:
    """Of a safetensors file in memory, which begins with the length of its JSON header."""
    length = int.from_bytes(data[:8], "little")
    facts: dict[str, str] = json.loads(data[8 : 8 + length])["__metadata__"]
    return facts
