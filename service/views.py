"""What the API answers: the shapes on the wire, made from what the store returns."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from gatelab.specs import JobSpec, RunSpec
from gatelab.specs.ends import EndedBy
from gatelab.store import CheckpointInfo, Curve, MetricRow, SampleRow
from gatelab.store import Corpus as StoredCorpus
from gatelab.store import Job as StoredJob
from gatelab.store import Run as StoredRun
from gatelab.store.events import Event as StoredEvent
from gatelab.store.pages import Page as StoredPage
from gatelab.store.states import FINISHED
from gatelab.sweeps import asked_runs

Item = TypeVar("Item")
Row = TypeVar("Row")


class View(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


class Page(View, Generic[Item]):
    """A piece of a list. `next` is the cursor of the following piece, null at the end."""

    data: list[Item]
    next: str | None = None


def page(stored: StoredPage[Row], view: Callable[[Row], Item]) -> Page[Item]:
    return Page(data=[view(row) for row in stored.items], next=stored.next)


def whole(rows: Iterable[Row], view: Callable[[Row], Item]) -> Page[Item]:
    """A list that is answered in one piece."""
    return Page(data=[view(row) for row in rows])


class Corpus(View):
    """`notes` are sentences about what is invisible in the text: line ends, composition, control characters.

    They are empty of a corpus that was added before anybody looked.
    """

    id: str
    name: str
    sha256: str
    characters: int
    created_at: datetime
    notes: list[str] = []

    @classmethod
    def of(cls, corpus: StoredCorpus) -> "Corpus":
        return cls(
            id=corpus.id,
            name=corpus.name,
            sha256=corpus.sha256,
            characters=corpus.characters,
            created_at=moment(corpus.created_at),
            notes=corpus.findings.sentences() if corpus.findings else [],
        )


class RunCounts(View):
    total: int
    queued: int
    running: int
    paused: int
    succeeded: int
    failed: int
    cancelled: int


State = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]


class Job(View):
    """`progress` goes from 0 to 1. `eta_seconds` is null before the first step is recorded.

    `left_out` runs of the grid would be the same as earlier ones and are not trained. `trained` is an earlier job that
    had trained exactly these runs when this one was asked for: its results were there already.

    `event` is the number of the job's latest event: a stream of events after it misses nothing of what comes.
    """

    id: str
    name: str
    state: State
    runs: RunCounts
    spec: JobSpec
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    left_out: int
    trained: str | None
    progress: float
    eta_seconds: float | None
    event: int

    @classmethod
    def of(cls, job: StoredJob) -> "Job":
        return cls(
            id=job.id,
            name=job.name,
            state=job.state.value,
            runs=RunCounts(total=job.total, **{state.value: count for state, count in job.counts.items()}),
            spec=job.spec,
            created_at=moment(job.created_at),
            started_at=moment_if(job.started_at),
            finished_at=moment_if(job.finished_at),
            left_out=asked_runs(job.spec) - job.total,
            trained=job.trained,
            progress=job.progress,
            eta_seconds=_eta(job),
            event=job.event_count,
        )


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


class RunCurve(View):
    """The evaluations of one run of a job, each field a list over them. `index` is the run's place in the job.

    Run i belongs to the grid point i // repeats; the last path of the grid changes fastest.
    """

    run: str
    index: int
    epoch: list[int]
    step: list[int]
    train_loss: list[float | None]
    validation_loss: list[float | None]
    bits_per_character: list[float | None]
    learning_rate: list[float | None]
    seconds: list[float | None]
    tokens_per_second: list[float | None]

    @classmethod
    def of(cls, curve: Curve) -> "RunCurve":
        stored = {"bits_per_character": "validation_bits_per_character"}
        names = [name for name in cls.model_fields if name not in ("run", "index")]
        columns = {name: [getattr(row, stored.get(name, name)) for row in curve.rows] for name in names}
        return cls(run=curve.run_id, index=curve.index, **columns)


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


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a point in time."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_if(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def _eta(job: StoredJob) -> float | None:
    """The time that is left if the rest goes as the part until now went."""
    if job.state in FINISHED:
        return 0.0
    if job.started_at is None or job.progress == 0:
        return None
    elapsed = datetime.now(UTC).timestamp() - job.started_at
    return max(0.0, elapsed * (1 - job.progress) / job.progress)


class JobEvent(View):
    """One thing that happened; the other fields depend on its type."""

    model_config = ConfigDict(extra="allow", ser_json_inf_nan="null")

    run: str | None
    created_at: datetime

    @classmethod
    def of(cls, event: StoredEvent) -> "JobEvent":
        return cls(run=event.run_id, created_at=moment(event.created_at), **event.data)
