"""Jobs, what they would cost, and their events."""

from datetime import datetime
from typing import Any

from gatelab.client.models.base import Answer


class RunCounts(Answer):
    """How many runs of a job are in each state."""

    total: int
    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    paused: int = 0

    @property
    def finished(self) -> int:
        return self.succeeded + self.failed + self.cancelled


class Job(Answer):
    """A job as it stood when the service answered. A submission is answered with the whole job, too."""

    id: str
    name: str
    state: str
    runs: RunCounts
    spec: dict[str, Any] = {}
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: float = 0.0
    """0..1"""
    eta_seconds: float | None = None
    event: int = 0
    """The number of its latest event."""
    left_out: int = 0
    """Runs of the grid that would be the same as earlier ones and are not trained."""
    trained: str | None = None
    """An earlier job that had trained exactly these runs when this one was asked for."""

    @property
    def finished(self) -> bool:
        """Whether no run of it will go on."""
        return self.runs.finished >= self.runs.total


class ParameterRange(Answer):
    """The fewest and the most parameters of any run."""

    smallest: int
    largest: int


class Memory(Answer):
    """What the run that needs most needs about; `covers` says which parts of it."""

    bytes: int
    covers: str = ""


class PredictedSeconds(Answer):
    """Seconds of all runs one after the other, and of the longest. None if nothing is known; `reason` says why."""

    total: float | None = None
    longest_run: float | None = None
    device: str | None = None
    calibrated_from: int = 0
    """How many past runs on `device` these are predicted from."""
    reason: str | None = None


class Plan(Answer):
    """What a job would cost."""

    runs: int
    parameters: ParameterRange
    memory: Memory
    seconds: PredictedSeconds
    left_out: int = 0
    """Runs of the grid that would be the same as earlier ones and are not trained."""
    trained: str | None = None
    """An earlier job that has trained exactly these runs."""
    engine: str | None = None
    """Why PyTorch trains some of the runs, where the faster engine has no code for a field of their model."""


class Event(Answer):
    """Something that a job reported. Events of a job are numbered in the order in which they happened."""

    id: int
    type: str
    run: str | None = None
    data: dict[str, Any] = {}
