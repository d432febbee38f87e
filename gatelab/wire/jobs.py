"""Jobs, and what they would cost."""

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import Field

from gatelab.wire.base import Wire
from gatelab.wire.runs import RunState

Spec = TypeVar("Spec")
"""A `JobSpec`; or its JSON, for a client that may be older than the service."""


class RunCounts(Wire):
    """The number of runs of a job in each state."""

    total: int
    queued: int = 0
    running: int = 0
    paused: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def finished(self) -> int:
        return self.succeeded + self.failed + self.cancelled


class JobOf(Wire, Generic[Spec]):
    """A job, with the states of its runs. A submission is answered with the whole job, too."""

    id: str
    name: str
    state: RunState
    runs: RunCounts
    spec: Spec = Field(description="the spec of the job")
    created_at: datetime
    started_at: datetime | None = Field(None, description="when the first run began")
    finished_at: datetime | None = Field(None, description="when the last run ended")
    left_out: int = Field(
        0, description="number of runs of the grid that are left out because they repeat earlier ones"
    )
    trained: str | None = Field(None, description="an earlier job that had already trained exactly these runs")
    progress: float = Field(0.0, description="the share of the training that is done, from 0 to 1")
    eta_seconds: float | None = Field(
        None, description="seconds left at the speed so far; null before the first step is recorded"
    )
    event: int = Field(0, description="number of the latest event: a stream of events after it misses no later event")

    @property
    def finished(self) -> bool:
        """Whether all its runs have ended."""
        return self.runs.finished >= self.runs.total


class Range(Wire):
    """The smallest and the largest value over all runs."""

    smallest: int
    largest: int


class Memory(Wire):
    """The estimated memory of the run that needs the most."""

    bytes: int
    covers: str = (
        "weights, gradient, optimizer state and the activations of one batch, in 32-bit floats; neither the text nor"
        " the program (PyTorch alone takes some 300 MB)"
    )


class PredictedSeconds(Wire):
    """Predicted time to train and evaluate all runs, one after the other on one worker, and that of the longest run."""

    total: float | None = Field(None, description="seconds; null if no past runs allow a prediction")
    longest_run: float | None = Field(None, description="seconds")
    device: str | None = Field(None, description="the device of the past runs", examples=["cpu"])
    calibrated_from: int = Field(0, description="number of past runs on `device` from which these are predicted")
    reason: str | None = Field(None, description="why there is no prediction")


class Plan(Wire):
    """What a job would cost."""

    runs: int
    left_out: int = Field(
        0, description="number of runs of the grid that are left out because they repeat earlier ones"
    )
    parameters: Range
    memory: Memory
    seconds: PredictedSeconds
    trained: str | None = Field(
        None, description="an earlier job that has already trained exactly these runs; it has the results"
    )
    engine: str | None = Field(
        None,
        description="why PyTorch trains some of the runs: the faster engine has no code for a field of their model",
    )


class Gone(Wire):
    """A job that is no longer among the newest: deleted, or followed by others."""

    id: str


class Ready(Wire):
    """The stream has sent every job that it follows."""

    jobs: int = Field(description="number of these jobs")
