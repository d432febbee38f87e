"""Completions by OpenAI's names."""

from typing import Literal

from pydantic import Field

from gatelab.wire.base import Wire


class Logprobs(Wire):
    """Log-probabilities of a choice's tokens, in nats."""

    tokens: list[str]
    token_logprobs: list[float | None] = Field(description="null for the beginning of a text, which nothing predicts")
    top_logprobs: list[dict[str, float] | None] | None = Field(
        None, description="the likeliest tokens at each place; null if logprobs is 0"
    )
    text_offset: list[int] = Field(
        description="the character of the choice's text at which a token begins: the tokens of a character of many"
        " bytes have the same. A text that ends before a stop string has no token behind its end"
    )


class Choice(Wire):
    index: int
    text: str
    logprobs: Logprobs | None = None
    finish_reason: Literal["stop", "length"] | None = None


class Usage(Wire):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    unknown_characters: int = Field(
        0, description="characters of the prompts that are read as <unk>; OpenAI has no such member"
    )


class Completion(Wire):
    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int = Field(description="seconds since 1970")
    model: str
    choices: list[Choice]
    usage: Usage | None = None
