"""Jobs, and what they would cost."""

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import Field

from gatelab.wire.base import Wire
from gatelab.wire.runs import RunState

Spec = TypeVar("Spec")
"""A `JobSpec`; or its JSON, for a client that may be older than the service."""


class RunCounts(Wire):
    """How many runs of a job are in each state."""

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
    """A job and how its runs stand. A submission is answered with the whole job, too."""

    id: str
    name: str
    state: RunState
    runs: RunCounts
    spec: Spec = Field(description="what was asked for")
    created_at: datetime
    started_at: datetime | None = Field(None, description="when the first run began")
    finished_at: datetime | None = Field(None, description="when the last run ended")
    left_out: int = Field(
        0, description="runs of the grid that would be the same as earlier ones of it and are not trained"
    )
    trained: str | None = Field(
        None, description="an earlier job that had trained exactly these runs when this one was asked for"
    )
    progress: float = Field(0.0, description="the part of the training that is done, 0 to 1")
    eta_seconds: float | None = Field(
        None, description="seconds that are left at the speed until now; null before the first step is recorded"
    )
    event: int = Field(
        0, description="number of the latest event: a stream of events after it misses nothing of what comes"
    )

    @property
    def finished(self) -> bool:
        """Whether no run of it will go on."""
        return self.runs.finished >= self.runs.total


class Range(Wire):
    """The least and the most of all runs."""

    smallest: int
    largest: int


class Memory(Wire):
    """An estimate for the run that needs most."""

    bytes: int
    covers: str = (
        "weights, gradient, optimizer state and the activations of one batch, in 32-bit floats; neither the text nor"
        " the program (PyTorch alone takes some 300 MB)"
    )


class PredictedSeconds(Wire):
    """Training and evaluation of all runs, one after the other on one worker, and of the longest of them."""

    total: float | None = Field(None, description="seconds; null where there is nothing to predict from")
    longest_run: float | None = Field(None, description="seconds")
    device: str | None = Field(None, description="the device of the past runs", examples=["cpu"])
    calibrated_from: int = Field(0, description="how many runs that succeeded on `device` these are predicted from")
    reason: str | None = Field(None, description="why nothing is predicted")


class Plan(Wire):
    """What a job would cost."""

    runs: int
    left_out: int = Field(
        0, description="runs of the grid that would be the same as earlier ones of it and are not trained"
    )
    parameters: Range
    memory: Memory
    seconds: PredictedSeconds
    trained: str | None = Field(
        None, description="an earlier job that has trained exactly these runs: its results are there already"
    )
    engine: str | None = Field(
        None,
        description="why PyTorch trains some runs, where the faster engine has no code for a field of their model",
    )


class Gone(Wire):
    """A job that is no longer among the newest: deleted, or followed by others."""

    id: str


class Ready(Wire):
    """The stream has sent every job that it follows."""

    jobs: int = Field(description="how many these are")
