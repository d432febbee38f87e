"""How text is generated from a trained run."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictBool, Tag, field_validator

from gatelab.specs.base import PromptText, Spec, Text
from gatelab.specs.integers import Count

STOP_CHARACTERS = 1000
"""Characters of the longest stop string."""

StopString = Annotated[Text, Field(min_length=1, max_length=STOP_CHARACTERS)]


CheckpointWord = Literal["auto", "latest", "best"]
"""A checkpoint by what it is: the one with the most steps, or of those kept that with the lowest validation loss.
`auto` is the best one, or the latest where none was evaluated."""

CheckpointName = Annotated[
    Annotated[Count, Tag("step")] | Annotated[CheckpointWord, Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "step"),
]


TOKEN_IDS: dict[str, Any] = {"propertyNames": {"pattern": "^(0|[1-9][0-9]{0,8})$"}}
"""Said of an object in JSON whose keys are ids of tokens."""


class Sampling(Spec):
    """How the next token is chosen, and when to end.

    The penalty and the bias change the logits first; then filters apply in the order temperature, top_k, top_p, min_p.
    The same seed gives the same text: the n-th token is chosen by the seed's n-th random number. If a text continues
    from a state, the tokens before the state are counted.
    """

    max_tokens: int = Field(100, ge=1, le=10_000_000)
    temperature: float = Field(1.0, ge=0, le=100, description="randomness; 0 always takes the likeliest token")
    top_k: int | None = Field(None, ge=1, le=10_000_000, description="sample only from the k likeliest tokens")
    top_p: float | None = Field(
        None, gt=0, le=1, description="sample only from the likeliest tokens that together reach this probability"
    )
    min_p: float | None = Field(
        None, ge=0, le=1, description="sample only tokens with at least this share of the likeliest one's probability"
    )
    repetition_penalty: float = Field(
        1.0,
        gt=0,
        le=100,
        description="tokens of the text so far, prompt and state included, become less likely; 1 changes nothing",
    )
    logit_bias: dict[int, Annotated[float, Field(ge=-100, le=100)]] = Field(
        {},
        max_length=1024,
        description="token ids, each with the number that is added to its logit",
        json_schema_extra=TOKEN_IDS,
    )
    stop: tuple[StopString, ...] = Field(
        (),
        max_length=64,
        description="stop before any of these strings; one may begin before the state from which the text continues",
    )
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**53,
        description="the same seed and request give the same text; by default every text is different",
    )

    @field_validator("stop", mode="before")
    @classmethod
    def _one_or_many(cls, stop: object) -> object:
        if stop is None:
            return ()
        return (stop,) if isinstance(stop, str) else stop


class GenerateRequest(Sampling):
    """The body of POST /v1/runs/{id}/generate."""

    prompt: PromptText = ""
    checkpoint: CheckpointName = Field(
        "auto", description="a step that has a checkpoint, latest, best, or auto: the best if there is one"
    )
    state: StrictBool | Text = Field(
        False,
        description="true: also return the state at the end. A state: continue from it, and return the next one. If all"
        " requests have the same parameters, their parts are the text that one request would generate",
    )
    stream: bool = Field(False, description="answer with server-sent events, one for each piece of text")
