"""Runs and what they recorded, as the API answers it."""

from datetime import datetime
from typing import Literal

from gatelab.specs import RunSpec
from gatelab.specs.stopping import EndedBy
from gatelab.store import CheckpointInfo, MetricRow, SampleRow
from gatelab.store import Run as StoredRun
from service.views import State, View, moment, moment_if


class RunMetrics(View):
    """The latest evaluation. `bits_per_character` is on the validation text; `seconds` are spent on the run.

    `trained_together` is the most runs that were trained in lock-step with this one, itself included, or null where it
    was always alone: the time of each step was shared out equally among them, so their seconds are no independent
    measurements.
    `vocabulary` is how many tokens the model predicts, `validation_tokens` and `test_tokens` are how many different
    tokens these parts score. `warnings` say what keeps the numbers from being believed.
    All four are null for runs that an earlier version evaluated.
    `learning_rate` is that of the step before. `ended_by` says why training ended, null while it goes on.
    """

    train_perplexity: float | None = None
    validation_perplexity: float | None = None
    test_perplexity: float | None = None
    bits_per_character: float | None = None
    test_bits_per_character: float | None = None
    learning_rate: float | None = None
    ended_by: EndedBy | None = None
    seconds: float | None = None
    tokens_per_second: float | None = None
    trained_together: int | None = None
    vocabulary: int | None = None
    validation_tokens: int | None = None
    test_tokens: int | None = None
    warnings: list[str] | None = None


class RunError(View):
    type: str
    message: str


class Run(View):
    """`sample` is the prefix of the spec and what the model made of it at the latest evaluation.

    `engine` is what computes it, null before it started. `parent` is the run that it began from, which may be deleted
    since, at `parent_step`; null where it began by itself. `weights_sha256` is the digest of the latest checkpoint's
    weights: equal digests, equal models.
    """

    id: str
    job: str
    index: int
    state: State
    spec: RunSpec
    parameters: int | None
    step: int
    total_steps: int | None
    epoch: int
    metrics: RunMetrics
    sample: str | None
    error: RunError | None
    device: str | None
    engine: Literal["native", "torch", "triton"] | None
    parent: str | None
    parent_step: int | None
    weights_sha256: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, run: StoredRun) -> "Run":
        return cls(
            id=run.id,
            job=run.job_id,
            index=run.index,
            state=run.state.value,
            spec=run.spec,
            parameters=run.parameters,
            step=run.step,
            total_steps=run.total_steps,
            epoch=run.epoch,
            metrics=RunMetrics.model_validate(run.metrics or {}),
            sample=run.sample["prefix"] + run.sample["text"] if run.sample else None,
            error=RunError.model_validate(run.error) if run.error else None,
            device=run.device,
            engine=run.engine,
            parent=run.parent,
            parent_step=run.parent_step,
            weights_sha256=run.weights_sha256,
            created_at=moment(run.created_at),
            started_at=moment_if(run.started_at),
            finished_at=moment_if(run.finished_at),
        )


class GateStatistics(View):
    """One gate over units and held-out tokens: its mean, and the shares of activations under 0.1 and over 0.9."""

    mean: float | None
    near_zero: float | None
    near_one: float | None


class Metrics(View):
    """One evaluation. Losses in nats per token; null where the number is not finite or was not measured.

    `gates` has one object a layer, with the statistics of every gate; null unless the spec has `gate_statistics`.
    """

    epoch: int
    step: int
    train_loss: float | None
    validation_loss: float | None
    test_loss: float | None
    bits_per_character: float | None
    test_bits_per_character: float | None
    tokens: int
    seconds: float | None
    tokens_per_second: float | None
    learning_rate: float | None
    gates: list[dict[str, GateStatistics]] | None

    @classmethod
    def of(cls, row: MetricRow) -> "Metrics":
        values = {name: getattr(row, name) for name in cls.model_fields if name != "bits_per_character"}
        return cls(**values, bits_per_character=row.validation_bits_per_character)


class Sample(View):
    epoch: int
    step: int
    prefix: str
    text: str

    @classmethod
    def of(cls, row: SampleRow) -> "Sample":
        return cls(epoch=row.epoch, step=row.step, prefix=row.prefix, text=row.text)


class Checkpoint(View):
    """A saved state of a run; `size` in bytes."""

    step: int
    epoch: int
    sha256: str
    size: int
    created_at: datetime

    @classmethod
    def of(cls, row: CheckpointInfo) -> "Checkpoint":
        return cls(step=row.step, epoch=row.epoch, sha256=row.sha256, size=row.size, created_at=moment(row.created_at))
