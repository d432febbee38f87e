"""Conditions for evaluations, and for ending training before the last epoch."""

from typing import Literal

from pydantic import Field, model_validator

from gatelab.specs.base import Spec

Metric = Literal["validation_loss", "train_loss", "bits_per_character"]
"""The metrics for early stopping: losses in nats per token, or bits per character of the validation text."""


class EvaluateEverySpec(Spec):
    """How often the model is evaluated: every `epochs`, `steps` or `tokens`, and at the end."""

    epochs: int | None = Field(None, ge=1, le=1_000_000, description="epochs between evaluations")
    steps: int | None = Field(None, ge=1, le=1_000_000_000, description="optimizer steps between evaluations")
    tokens: int | None = Field(None, ge=1, le=2**53, description="training tokens between evaluations")

    @model_validator(mode="after")
    def _one_of_them(self) -> "EvaluateEverySpec":
        given = [name for name in ("epochs", "steps", "tokens") if getattr(self, name) is not None]
        if len(given) != 1:
            was = " and ".join(given) or "nothing"
            raise ValueError(f"must have exactly one of epochs, steps and tokens, not {was}")
        return self


class StopSpec(Spec):
    """Conditions that end training before its last epoch; the first that is met counts.

    The model is evaluated then, and the test text is scored.
    """

    patience: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="evaluations in a row without improvement of the metric after which training ends",
    )
    min_delta: float = Field(
        0.0, ge=0, le=1000, description="smallest decrease of the metric that counts as improvement"
    )
    metric: Metric = Field("validation_loss", description="the metric that patience and target look at")
    target: float | None = Field(None, gt=0, le=1000, description="training ends when the metric is at most this")
    max_steps: int | None = Field(None, ge=1, le=10**15, description="training ends after this many optimizer steps")
    max_tokens: int | None = Field(None, ge=1, le=2**53, description="training ends after this many training tokens")
    max_seconds: float | None = Field(
        None, gt=0, le=1e9, description="training ends after this many seconds of training and evaluation"
    )
