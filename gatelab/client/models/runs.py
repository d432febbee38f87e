"""Runs, and what they leave: evaluations, curves, samples, checkpoints."""

from datetime import datetime
from typing import Any

from gatelab.client.models.base import Answer


class Metrics(Answer):
    """The latest evaluation of a run. Perplexities are per token, times in seconds.

    `warnings` say what keeps the numbers from being believed.
    """

    train_perplexity: float | None = None
    validation_perplexity: float | None = None
    test_perplexity: float | None = None
    bits_per_character: float | None = None
    test_bits_per_character: float | None = None
    learning_rate: float | None = None
    """The rate of the step before."""
    ended_by: str | None = None
    """Why training ended: epochs, patience, target, max_steps, max_tokens or max_seconds."""
    seconds: float | None = None
    tokens_per_second: float | None = None
    trained_together: int | None = None
    """The most runs that shared the time of a step, this one included: their seconds are not independent."""
    vocabulary: int | None = None
    validation_tokens: int | None = None
    test_tokens: int | None = None
    warnings: list[str] | None = None


class RunError(Answer):
    """Why a run failed."""

    type: str
    message: str = ""


class Run(Answer):
    id: str
    job: str
    index: int
    state: str
    spec: dict[str, Any]
    parameters: int | None = None
    step: int = 0
    total_steps: int | None = None
    epoch: int = 0
    metrics: Metrics = Metrics()
    sample: str | None = None
    error: RunError | None = None
    device: str | None = None
    engine: str | None = None
    """What computes it: native, torch or triton; None before it started."""
    parent: str | None = None
    """The run that it began from, which may be deleted since."""
    parent_step: int | None = None
    weights_sha256: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Change(Answer):
    """A field of the spec that differs from the parent's, as JSON texts; None where there is no such field."""

    path: str
    before: str | None = None
    after: str | None = None


class TreeNode(Answer):
    """A run among those that began from one another. `depth` is 0 at the root."""

    run: str
    job: str
    name: str
    depth: int
    parent: str | None = None
    parent_step: int | None = None
    state: str
    step: int = 0
    validation_perplexity: float | None = None
    changes: list[Change] = []


class GateStatistics(Answer):
    """One gate over units and held-out tokens: its mean, and the shares of activations under 0.1 and over 0.9."""

    mean: float | None = None
    near_zero: float | None = None
    near_one: float | None = None


class MetricPoint(Answer):
    """One evaluation of a run. Losses are nats per token; what was not a finite number is None.

    `gates` has one entry a layer, from the name of the gate to its statistics; None unless the spec asked for it.
    """

    epoch: int
    step: int
    train_loss: float | None = None
    validation_loss: float | None = None
    test_loss: float | None = None
    bits_per_character: float | None = None
    test_bits_per_character: float | None = None
    tokens: int = 0
    """How many tokens it was trained on until then."""
    seconds: float | None = None
    tokens_per_second: float | None = None
    learning_rate: float | None = None
    gates: list[dict[str, GateStatistics]] | None = None


class RunCurve(Answer):
    """The evaluations of one run of a job. Each field is a list over them. `index` is the run's place in the job."""

    run: str
    index: int
    epoch: list[int]
    step: list[int]
    train_loss: list[float | None] = []
    validation_loss: list[float | None] = []
    bits_per_character: list[float | None] = []
    learning_rate: list[float | None] = []
    seconds: list[float | None] = []
    tokens_per_second: list[float | None] = []


class RunCurves(Answer):
    data: list[RunCurve]


class Sample(Answer):
    """Text that a run generated while it learned."""

    step: int
    epoch: int
    prefix: str = ""
    text: str


class Checkpoint(Answer):
    """A checkpoint that can be downloaded or generated from. `size` is in bytes."""

    step: int
    epoch: int
    sha256: str
    size: int
    created_at: datetime | None = None
