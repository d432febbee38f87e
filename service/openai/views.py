"""Requests and answers by OpenAI's names."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gatelab.specs.base import PromptText, Spec, parse
from gatelab.specs.generation import TOKEN_IDS, Sampling, StopString

MOST_CHOICES = 1024
"""Choices of one request."""

TokenId = Annotated[int, Field(ge=0, lt=2**31)]
Tokens = Annotated[tuple[TokenId, ...], Field(max_length=1_000_000)]
Prompts = Annotated[tuple[PromptText, ...], Field(max_length=MOST_CHOICES)]
Prompt = PromptText | Tokens | Prompts | Annotated[tuple[Tokens, ...], Field(max_length=MOST_CHOICES)]
ModelName = Annotated[str, Field(max_length=10_000)]
"""A run, or a checkpoint of it: `run@step`."""

FixedAtZero = Annotated[float, Field(ge=0, le=0)]


class StreamOptions(Spec):
    include_usage: bool = False
    include_obfuscation: bool = False


class CompletionRequest(Spec):
    """The body of POST /v1/completions. OpenAI has no top_k, min_p and repetition_penalty."""

    model: ModelName
    prompt: Prompt = ""
    max_tokens: int | None = Field(16, ge=0, le=10_000_000)
    temperature: float | None = Field(1.0, ge=0, le=100)
    top_p: float | None = Field(1.0, gt=0, le=1)
    n: int | None = Field(1, ge=1, le=128)
    best_of: int | None = Field(None, ge=1, le=128)
    echo: bool | None = False
    logprobs: int | None = Field(None, ge=0, le=20)
    stop: StopString | Annotated[tuple[StopString, ...], Field(max_length=64)] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    seed: int | None = Field(None, ge=0, lt=2**53)
    logit_bias: dict[int, Annotated[float, Field(ge=-100, le=100)]] | None = Field(
        None, max_length=1024, json_schema_extra=TOKEN_IDS
    )
    user: Annotated[str, Field(max_length=1000)] | None = None
    suffix: Literal[""] | None = None
    presence_penalty: FixedAtZero | None = Field(0, description="not supported; use repetition_penalty")
    frequency_penalty: FixedAtZero | None = Field(0, description="not supported; use repetition_penalty")
    top_k: int | None = Field(None, ge=1, le=10_000_000)
    min_p: float | None = Field(None, ge=0, le=1)
    repetition_penalty: float = Field(1.0, gt=0, le=100)

    @model_validator(mode="after")
    def _one_text_a_choice(self) -> "CompletionRequest":
        if self.best_of is not None and self.best_of != (self.n or 1):
            raise ValueError("best_of must equal n (or be left out)")
        if self.stream and self.echo:
            raise ValueError("echo is not supported with stream")
        return self

    def sampling(self) -> Sampling:
        """How each choice is written; `max_tokens` 0 (only echo) becomes 1.

        Raises:
            InvalidSpec: a value that Gatelab does not take.
        """
        how = {
            "max_tokens": max(1, self.length),
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "top_p": None if self.top_p in (None, 1) else self.top_p,
            "top_k": self.top_k,
            "min_p": self.min_p,
            "repetition_penalty": self.repetition_penalty,
            "logit_bias": self.logit_bias or {},
            "stop": self.stop,
            "seed": self.seed,
        }
        return parse(Sampling, how)

    @property
    def length(self) -> int:
        return 16 if self.max_tokens is None else self.max_tokens


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


class Model(Answer):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "gatelab"


class ModelList(Answer):
    object: Literal["list"] = "list"
    data: list[Model]
