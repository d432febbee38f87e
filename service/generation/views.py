"""Generated text, as the API answers it."""

from typing import Literal

from service.views import View


class Ending(View):
    """How a generation ended.

    `tokens` counts the generated ones; `checkpoint` is the step of the weights that made them;
    `unknown_characters` counts the prompt's characters that the model's vocabulary could not stand for.
    `state`, if it was asked for, holds the end of the text: send it as `state` of another request, any number of times.
    `held` is text behind the end that the next request shows first, if it is not the beginning of a stop string; empty
    where no state was asked for.
    """

    tokens: int
    finish_reason: Literal["stop", "length"]
    checkpoint: int
    unknown_characters: int
    state: str | None = None
    held: str = ""


class Generated(Ending):
    text: str


class Piece(View):
    """A piece of generated text, in a stream."""

    text: str


class State(View):
    state: str


class Scored(View):
    """The score of one text. `log_probabilities` are in nats, one for each token; `loss` is their negative mean."""

    loss: float
    perplexity: float | None
    bits_per_character: float
    characters: int
    tokens: int
    unknown_characters: int
    log_probabilities: list[float] | None


class Scores(View):
    checkpoint: int
    data: list[Scored]
