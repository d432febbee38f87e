"""Jobs, as the API answers them."""

from datetime import UTC, datetime

from gatelab.specs import JobSpec
from gatelab.store import Job as StoredJob
from gatelab.store.states import FINISHED
from gatelab.sweeps import asked_runs
from gatelab.wire.base import moment
from gatelab.wire.jobs import JobOf, RunCounts
from service.views import moment_if


class Job(JobOf[JobSpec]):
    """A job, with the states of its runs."""

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


def _eta(job: StoredJob) -> float | None:
    """The remaining time if the rest runs at the speed so far."""
    if job.state in FINISHED:
        return 0.0
    if job.started_at is None or job.progress == 0:
        return None
    elapsed = datetime.now(UTC).timestamp() - job.started_at
    return max(0.0, elapsed * (1 - job.progress) / job.progress)
