"""The promises of a store about jobs and runs, in plain Python: one process, no database, no time."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gatelab.store import FINISHED, State

MAX_CRASHES = 3
KEPT = 2
"""The number of checkpoints that are kept."""


class Refused(Exception):
    """The store must refuse this, and change nothing."""


@dataclass
class ModelRun:
    id: str
    job: str
    state: State = State.QUEUED
    token: int = 0
    attempt: int = 0
    crashes: int = 0
    step: int = 0
    cancel: bool = False
    pause: bool = False
    expired: bool = False
    metrics: set[int] = field(default_factory=set)
    checkpoints: set[int] = field(default_factory=set)
    states: list[State] = field(default_factory=lambda: [State.QUEUED])
    """All its states so far, in order."""

    def go(self, state: State) -> None:
        assert self.state not in FINISHED
        self.state = state
        self.states.append(state)
        self.expired = False
        if state is State.PAUSED:
            self.pause = False

    def leave(self, wanted: State) -> None:
        """Stop running. A user's request takes precedence over continuing."""
        if wanted in FINISHED:
            self.go(wanted)
        elif self.cancel:
            self.go(State.CANCELLED)
        else:
            self.go(State.PAUSED if self.pause else State.QUEUED)

    def rewind(self) -> None:
        """Back to the newest checkpoint."""
        self.step = max(self.checkpoints, default=0)
        self.metrics = {step for step in self.metrics if self.checkpoints and step <= self.step}


@dataclass(frozen=True)
class Held:
    """The run that a worker believes to own."""

    run: str
    token: int


class Model:
    def __init__(self) -> None:
        self.runs: dict[str, ModelRun] = {}

    def add(self, job: str, runs: Iterable[str]) -> None:
        self.runs |= {id: ModelRun(id, job) for id in runs}

    def of_job(self, job: str) -> list[ModelRun]:
        found = [run for run in self.runs.values() if run.job == job]
        if not found:
            raise Refused
        return found

    def _owned(self, held: Held) -> ModelRun:
        run = self.runs.get(held.run)
        if run is None or run.state is not State.RUNNING or run.token != held.token:
            raise Refused
        run.expired = False
        return run

    # -- Workers --

    def claim(self, id: str) -> Held:
        run = self.runs[id]
        run.go(State.RUNNING)
        run.token += 1
        run.attempt += 1
        run.rewind()
        return Held(id, run.token)

    def alike(self, held: Held) -> set[str]:
        """The queued runs that may be trained together with a run just claimed, since they have the same shape."""
        if self._owned(held).crashes:
            return set()
        return {run.id for run in self.runs.values() if run.state is State.QUEUED and not run.crashes}

    def heartbeat(self, held: Held) -> tuple[bool, bool]:
        run = self._owned(held)
        return run.cancel, run.pause

    def release(self, held: Held) -> None:
        self._owned(held).leave(State.QUEUED)

    def record(self, held: Held, steps: int, *, checkpoint: bool, then: State | None) -> None:
        run = self._owned(held)
        if steps:
            run.metrics.add(run.step + steps)
        if checkpoint:
            run.crashes = 0 if steps else run.crashes
            run.checkpoints = set(sorted({*run.checkpoints, run.step + steps})[-KEPT:])
        run.step += steps
        if then is not None:
            run.leave(then)

    def fall_back(self, held: Held, step: int) -> None:
        run = self._owned(held)
        run.checkpoints.discard(step)
        run.rewind()

    # -- Reapers --

    def expire(self, id: str) -> None:
        self.runs[id].expired = True

    def reap(self) -> set[str]:
        """The runs that are queued again."""
        queued: set[str] = set()
        for run in self.runs.values():
            if run.state is State.RUNNING and run.expired:
                run.crashes += 1
                asked = run.cancel or run.pause
                poison = run.crashes >= MAX_CRASHES and not asked
                run.leave(State.FAILED if poison else State.QUEUED)
                if not poison and not asked:
                    queued.add(run.id)
        return queued

    # -- Users --

    def cancel(self, job: str) -> None:
        runs = self.of_job(job)
        states = {run.state for run in runs}
        if states <= FINISHED and State.CANCELLED not in states:
            raise Refused
        for run in runs:
            run.cancel |= run.state not in FINISHED
            if run.state in (State.QUEUED, State.PAUSED):
                run.go(State.CANCELLED)

    def pause(self, job: str) -> None:
        for run in self._going(job):
            if run.state is State.QUEUED:
                run.go(State.PAUSED)
            run.pause |= run.state is State.RUNNING

    def resume(self, job: str) -> None:
        for run in self._going(job):
            if run.state is State.PAUSED:
                run.go(State.QUEUED)
            run.pause &= run.state is not State.RUNNING

    def delete(self, job: str) -> None:
        runs = self.of_job(job)
        if any(run.state is State.RUNNING for run in runs):
            raise Refused
        for run in runs:
            del self.runs[run.id]

    def _going(self, job: str) -> list[ModelRun]:
        runs = self.of_job(job)
        if all(run.state in FINISHED or run.cancel for run in runs):
            raise Refused
        return runs
