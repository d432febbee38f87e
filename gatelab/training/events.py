"""The events of a run while it trains.

Every event is yielded between two steps, where `checkpoint()` captures a state that can be resumed bit-identically.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gatelab.checkpoint import Checkpoint, Position
from gatelab.gates import Saturation


@dataclass(frozen=True)
class Event:
    """
    Attributes:
        position: how far the run has come.
        checkpoint: captures the run at this position; valid until the next event is requested, or in a pack until the
            next round. It raises `Diverged` if a number of the run is not finite.
    """

    position: Position
    checkpoint: Callable[[], Checkpoint]


@dataclass(frozen=True)
class Started(Event):
    """The data is ready and the model built (or resumed).

    Attributes:
        parameters: number of trained parameters.
        total_steps: optimizer steps of the whole run.
        engine: the engine that computes it: native, torch or triton.
        vocabulary: number of token ids that it predicts.
        validation_tokens, test_tokens: the numbers of different tokens that these parts score; None without a test
            part.
    """

    parameters: int
    total_steps: int
    engine: str
    vocabulary: int
    validation_tokens: int
    test_tokens: int | None


@dataclass(frozen=True)
class Stepped(Event):
    """One optimizer step. `loss` is its batch's mean loss in nats per token, before the step."""

    loss: float
    learning_rate: float


@dataclass(frozen=True)
class Evaluated(Event):
    """An evaluation, as a rule at the end of an epoch. Losses are means in nats per token.

    Attributes:
        train_loss: over the batches since the previous evaluation, each before its step.
        validation_loss: on the validation windows.
        bits_per_character: on the validation windows.
        test_loss, test_bits_per_character: on the test text, once, at the end of the run; else None.
        learning_rate: of the latest step.
        gates: for each layer, statistics of each gate on held-out text; None if the spec does not ask for them.
        sample: the text generated after the spec's prefix, or None.
    """

    train_loss: float
    validation_loss: float
    bits_per_character: float
    test_loss: float | None = None
    test_bits_per_character: float | None = None
    learning_rate: float | None = None
    sample: str | None = None
    gates: Sequence[Mapping[str, Saturation]] | None = None
