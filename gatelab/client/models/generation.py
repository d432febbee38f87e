"""Generated and judged text."""

from gatelab.client.models.base import Answer


class Generation(Answer):
    """Generated text: without the prompt, `tokens` long, from the checkpoint of step `checkpoint`."""

    text: str = ""
    tokens: int
    finish_reason: str
    checkpoint: int | None = None
    unknown_characters: int = 0
    """Characters of the prompt that the run's tokenizer does not know; the model saw <unk> for them."""
    state: str | None = None
    """What a later request can go on from; None where no state was asked for."""
    held: str = ""
    """Text behind the end that may begin a stop string: a request that goes on shows it, or ends there."""


class MixedState(Answer):
    state: str


class Score(Answer):
    """How likely a model finds a text: nats per token, and of every token in `log_probabilities`."""

    loss: float
    perplexity: float | None = None
    bits_per_character: float
    characters: int
    tokens: int
    unknown_characters: int = 0
    log_probabilities: list[float] | None = None


class Scores(Answer):
    checkpoint: int
    data: list[Score]


class Recall(Answer):
    """The share of the `symbols` that the model found likeliest. `chance` is the share that guessing would get."""

    checkpoint: int
    accuracy: float
    loss: float | None = None
    chance: float
    symbols: int
