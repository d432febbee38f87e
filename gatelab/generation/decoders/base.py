"""What every decoder can do: read a prompt, and go on with many texts at once."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
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
        random: where the numbers come from that choose them.
        state: (layers, tensors of a state, hidden), before `token` is read.
        token: the last one that is known.
        seen: (vocabulary,) 1 for the tokens of the text so far; only where their repetition is penalised.
        bias: (vocabulary,) what is added to the logits, if anything is.
    """

    how: Sampling
    random: np.random.Generator
    state: Floats
    token: int
    seen: NDArray[np.uint8] | None = None
    bias: Floats | None = None


@dataclass(frozen=True)
class Decoded:
    """What was chosen for a stream.

    Attributes:
        ids: (steps,), or fewer if there is a fault.
        logits: (steps, vocabulary) that they were chosen from, before any penalty, bias or filter; if asked for.
        fault: why the text cannot go on behind `ids`: logits or a state that are not finite. The stream is spoiled.
    """

    ids: Ids
    logits: Floats | None
    fault: NotFinite | None = None

    def first(self, count: int) -> "Decoded":
        """The first `count` tokens at most. A fault behind them is none."""
        fault = self.fault if count > len(self.ids) else None
        return Decoded(self.ids[:count], None if self.logits is None else self.logits[:count], fault)


def cut_short(decoded: Decoded, finite: int) -> Decoded:
    """What was chosen, where only the first `finite` steps had numbers to choose by."""
    if finite == len(decoded.ids):
        return decoded
    return replace(decoded.first(finite), fault=not_finite("logits or states"))


class Decoder(ABC):
    """A model that writes. Tokens of a stream depend neither on who is beside it nor on how many steps a call takes.

    The weights are finite: `Network.of` checks those of a checkpoint, and the trainer those that it trains.

    Attributes:
        vocabulary: number of token ids.
    """

    vocabulary: int

    @abstractmethod
    def initial_state(self) -> Floats:
        """(layers, tensors of a state, hidden)"""

    @abstractmethod
    def read(self, ids: Ids, state: Floats) -> Floats:
        """The state after reading all `ids` (tokens,) from `state`, which is left as it is.

        Raises:
            NotFinite: it is not.
        """

    @abstractmethod
    def predict(self, ids: Ids, state: Floats) -> tuple[Floats, Floats]:
        """Logits (tokens, vocabulary) of what follows each of `ids` (at least one), and the state after them.

        Raises:
            NotFinite: any of them is not.
        """

    @abstractmethod
    def decode(self, streams: Sequence[Stream], steps: int, *, logits: bool = False) -> list[Decoded]:
        """Read the token of each stream and choose the next one, `steps` times. The streams move on.

        A stream whose numbers are no longer finite ends with a fault. The others go on.
        """
