"""The interface of decoders: read a prompt, and continue many texts at once."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gatelab.errors import NotFinite
from gatelab.generation.sampling import not_finite
from gatelab.specs.generation import Sampling
from gatelab.text.tokenizers import Ids

Floats = NDArray[np.float32]


@dataclass
class Stream:
    """A text that is being written.

    Attributes:
        how: how its tokens are chosen.
        random: the source of the random numbers that choose them.
        state: (layers, tensors of a state, hidden), before `token` is read.
        token: the last known token.
        seen: (vocabulary,) 1 for the tokens of the text so far; only where their repetition is penalised.
        bias: (vocabulary,) added to the logits; None if nothing is.
    """

    how: Sampling
    random: np.random.Generator
    state: Floats
    token: int
    seen: NDArray[np.uint8] | None = None
    bias: Floats | None = None


@dataclass(frozen=True)
class Decoded:
    """The tokens chosen for a stream.

    Attributes:
        ids: (steps,), or fewer if there is a fault.
        logits: (steps, vocabulary) that they were chosen from, before any penalty, bias or filter; if asked for.
        fault: why the text cannot continue after `ids`: logits or a state that are not finite. The stream cannot be
            used again.
    """

    ids: Ids
    logits: Floats | None
    fault: NotFinite | None = None

    def first(self, count: int) -> "Decoded":
        """At most the first `count` tokens. A fault after them is dropped."""
        fault = self.fault if count > len(self.ids) else None
        return Decoded(self.ids[:count], None if self.logits is None else self.logits[:count], fault)


def cut_short(decoded: Decoded, finite: int) -> Decoded:
    """The chosen tokens, if only the first `finite` steps had finite numbers to choose by."""
    if finite == len(decoded.ids):
        return decoded
    return replace(decoded.first(finite), fault=not_finite("logits or states"))


class Decoder(ABC):
    """A model that writes. A stream's tokens depend neither on other streams nor on the steps of a call.

    The weights are finite: `Network.of` checks those of a checkpoint, and the trainer those that it trains.

    Attributes:
        vocabulary: number of token ids.
        kind: decoders of equal kind may decode in one call, by `decode_together`; None: this one decodes by itself.
        bytes: the memory that its weights take.
    """

    vocabulary: int
    bytes: int
    kind: Hashable = None

    @abstractmethod
    def initial_state(self) -> Floats:
        """(layers, tensors of a state, hidden)"""

    @abstractmethod
    def read(self, ids: Ids, state: Floats) -> Floats:
        """The state after reading all `ids` (tokens,) from `state`, which does not change.

        Raises:
            NotFinite: the state after them is not finite.
        """

    @abstractmethod
    def predict(self, ids: Ids, state: Floats) -> tuple[Floats, Floats]:
        """Logits (tokens, vocabulary) for the token after each of `ids` (at least one), and the state after them.

        Raises:
            NotFinite: any of these numbers is not finite.
        """

    @abstractmethod
    def decode(self, streams: Sequence[Stream], steps: int, *, logits: bool = False) -> list[Decoded]:
        """Read the token of each stream and choose the next one, `steps` times. The streams advance.

        A stream whose numbers are no longer finite ends with a fault. The others continue.
        """

    @classmethod
    def decode_together(cls, texts: "Sequence[Texts]", steps: int, *, logits: bool = False) -> list[Decoded]:
        """Like `decode`, for the streams of several decoders of one kind: the chosen tokens, stream by stream."""
        return [found for decoder, streams in texts for found in decoder.decode(streams, steps, logits=logits)]


Texts = tuple[Decoder, Sequence[Stream]]
"""A decoder, and streams that it continues."""
