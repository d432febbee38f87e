"""The measurements of a run. Losses are stored and sent; perplexities are derived from them for display."""

import math
from typing import Any, Literal

from pydantic import Field, model_validator

from gatelab.wire.base import Measured, Wire

EndedBy = Literal["epochs", "max_steps", "max_tokens", "max_seconds", "patience", "target"]
"""Why training ended."""

DERIVED = {
    "train_loss": "train_perplexity",
    "validation_loss": "validation_perplexity",
    "test_loss": "test_perplexity",
}
"""Loss -> the perplexity derived from it."""


class GateStatistics(Wire):
    """One gate over units and held-out tokens."""

    mean: Measured = Field(None, description="mean activation, 0 to 1")
    near_zero: Measured = Field(None, description="share of the activations under 0.1")
    near_one: Measured = Field(None, description="share of the activations over 0.9")


class Losses(Wire):
    """How well a model predicts: mean losses in nats per token. Null: not measured, or not finite."""

    train_loss: Measured = Field(
        None,
        description="nats per token, the mean over the batches since the previous evaluation, each before its step",
    )
    validation_loss: Measured = Field(None, description="nats per token of the validation text", examples=[1.82])
    test_loss: Measured = Field(None, description="nats per token of the test text, measured once, at the end")
    bits_per_character: Measured = Field(None, description="the validation loss in bits per character")
    test_bits_per_character: Measured = Field(None, description="the test loss in bits per character")
    learning_rate: Measured = Field(None, description="of the step before the evaluation")
    tokens_per_second: Measured = Field(None, description="training tokens per second of training alone")

    train_perplexity: Measured = Field(None, description="exp(train_loss); null if it is not finite")
    validation_perplexity: Measured = Field(None, description="exp(validation_loss); null if it is not finite")
    test_perplexity: Measured = Field(None, description="exp(test_loss); null if it is not finite")

    @model_validator(mode="before")
    @classmethod
    def _perplexities_are_derived(cls, given: Any) -> Any:
        """From the losses. Earlier versions stored and sent only perplexities: their logarithm is the loss."""
        if not isinstance(given, dict):
            return given
        derived: dict[str, float | None] = {}
        for loss, name in DERIVED.items():
            if loss in given:
                derived[name] = perplexity(given[loss])
            elif (value := given.get(name)) is not None and 0 < value < math.inf:
                derived[loss] = math.log(value)
        return given | derived

    def stored(self) -> dict[str, Any]:
        return {name: value for name, value in super().stored().items() if name not in DERIVED.values()}


class Place(Wire):
    """Where a run is."""

    epoch: int = Field(description="epochs that have ended")
    step: int = Field(description="optimizer steps since the run began")


class Evaluation(Losses, Place):
    """One evaluation of a run, as a rule at the end of an epoch."""

    tokens: int = Field(0, description="number of tokens that the run had been trained on")
    seconds: Measured = Field(None, description="seconds spent on the run so far")
    gates: list[dict[str, GateStatistics]] | None = Field(
        None, description="for each layer, gate by gate; null unless the spec has `gate_statistics`"
    )


class Summary(Losses):
    """The latest evaluation of a run, with warnings about its numbers."""

    ended_by: EndedBy | None = Field(None, description="why training ended; null while it continues")
    seconds: Measured = Field(None, description="seconds spent on the run")
    trained_together: int | None = Field(
        None,
        description="the largest number of runs that were trained in lock-step with this one, itself included. They "
        "share the time of a step equally, so their seconds are not independent measurements; null if the run was "
        "always trained alone",
    )
    vocabulary: int | None = Field(None, description="number of different tokens that the model can predict")
    validation_tokens: int | None = Field(None, description="number of different tokens scored on the validation part")
    test_tokens: int | None = Field(None, description="number of different tokens scored on the test part")
    warnings: list[str] | None = Field(None, description="sentences about reasons not to trust the numbers")


class RunCurve(Wire):
    """The evaluations of one run of a job, each field a list over them.

    Run i belongs to the grid point i // repeats; the last path of the grid changes fastest.
    """

    run: str
    index: int = Field(description="the place of the run in the job")
    epoch: list[int]
    step: list[int]
    train_loss: list[float | None] = Field([], description="nats per token")
    validation_loss: list[float | None] = Field([], description="nats per token")
    bits_per_character: list[float | None] = Field([], description="of the validation text")
    learning_rate: list[float | None] = []
    seconds: list[float | None] = []
    tokens_per_second: list[float | None] = []


class RunCurves(Wire):
    data: list[RunCurve]


class Sample(Wire):
    """Text that a run generated during training."""

    epoch: int = Field(0, description="epochs that had ended")
    step: int = Field(0, description="optimizer steps since the run began")
    prefix: str = Field("", description="the text that the model continued")
    text: str = Field(description="the text that it generated")


def perplexity(loss: float | None) -> float | None:
    """exp(loss): the number of equally likely tokens among which the model hesitates. None if not finite."""
    if loss is None:
        return None
    try:
        value = math.exp(loss)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None
