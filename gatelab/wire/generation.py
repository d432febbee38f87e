"""Generated and scored text."""

from typing import Literal

from pydantic import Field

from gatelab.wire.base import Wire


class Ending(Wire):
    """How a generation ended."""

    tokens: int = Field(description="number of generated tokens")
    finish_reason: Literal["stop", "length"]
    checkpoint: int = Field(description="the step of the checkpoint that generated them")
    unknown_characters: int = Field(
        0, description="characters of the prompt that are not in the vocabulary; the model read <unk>"
    )
    state: str | None = Field(
        None,
        description="if it was asked for, the end of the text: send it as `state` of another request, any number of"
        " times",
    )
    held: str = Field(
        "",
        description="text after the end that the next request shows first, if it is not the beginning of a stop"
        " string; empty if the request did not ask for a state",
    )


class Generated(Ending):
    """Generated text, without the prompt."""

    text: str = ""


class Piece(Wire):
    """A piece of generated text, in a stream."""

    text: str


class MixedState(Wire):
    state: str


class Scored(Wire):
    """The likelihood of a text under a model."""

    loss: float = Field(description="nats per token, the mean")
    perplexity: float | None = None
    bits_per_character: float
    characters: int
    tokens: int
    unknown_characters: int = 0
    log_probabilities: list[float] | None = Field(None, description="nats, one for each token")


class Scores(Wire):
    checkpoint: int
    data: list[Scored]


class Recalled(Wire):
    """How well a model recalls symbols."""

    checkpoint: int
    accuracy: float = Field(description="the share of the symbols that the model found likeliest")
    loss: float | None = Field(None, description="nats per symbol")
    chance: float = Field(description="the share that guessing would get")
    symbols: int = Field(description="number of symbols asked for")
