"""Jobs, their events and their curves, as the API answers them."""

from datetime import UTC, datetime

from pydantic import ConfigDict

from gatelab.specs import JobSpec
from gatelab.store import Curve
from gatelab.store import Job as StoredJob
from gatelab.store.events import Event as StoredEvent
from gatelab.store.states import FINISHED
from gatelab.sweeps import asked_runs
from service.views import State, View, moment, moment_if


class RunCounts(View):
    total: int
    queued: int
    running: int
    paused: int
    succeeded: int
    failed: int
    cancelled: int


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


class Gone(View):
    """A job that is no longer among the newest: deleted, or followed by others."""

    id: str


class Ready(View):
    """The stream has sent every job that it follows; `jobs` is their number."""

    jobs: int
