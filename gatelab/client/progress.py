"""The progress of a job's runs while it is watched, gathered from its events."""

from dataclasses import dataclass, field
from typing import assert_never

from gatelab.client.formatting import (
    cell,
    count,
    duration,
    number,
)
from gatelab.client.models import Event, Run
from gatelab.wire import events
from gatelab.wire.events import JobEvent


@dataclass
class RunProgress:
    """The progress of one run and its latest losses."""

    id: str
    name: str = ""
    state: str = "queued"
    tokens_per_step: int = 0
    step: int = 0
    total_steps: int = 0
    epoch: int = 0
    tokens_per_second: float | None = None
    train_perplexity: float | None = None
    validation_perplexity: float | None = None
    bits_per_character: float | None = None
    error: str = ""

    @classmethod
    def of(cls, run: Run) -> "RunProgress":
        training, model = run.spec.get("training", {}), run.spec.get("model", {})
        hidden = model.get("cell", {}).get("hidden", "")
        return cls(
            id=run.id,
            name=f"{cell(run.spec)} {hidden} seed {training.get('seed', 0)}",
            state=run.state,
            tokens_per_step=training.get("num_steps", 0) * training.get("batch_size", 0),
            step=run.step,
            total_steps=run.total_steps or 0,
            epoch=run.epoch,
            **run.metrics.model_dump(include=_MEASURED),
        )

    @property
    def eta_seconds(self) -> float | None:
        """The training time left at the current speed."""
        if not (self.tokens_per_second and self.tokens_per_step and self.total_steps):
            return None
        return max(0, self.total_steps - self.step) * self.tokens_per_step / self.tokens_per_second

    def describe(self) -> str:
        """The whole progress in one line."""
        parts = [f"epoch {self.epoch}", f"step {self.step}/{self.total_steps or '?'}"]
        if self.validation_perplexity is not None:
            parts.append(f"perplexity {self.validation_perplexity:.2f} (train {number(self.train_perplexity)})")
        if self.bits_per_character is not None:
            parts.append(f"{self.bits_per_character:.3f} bits/char")
        if self.tokens_per_second is not None:
            parts.append(f"{count(self.tokens_per_second)} tokens/s")
        if self.state == "running" and (left := self.eta_seconds) is not None:
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)


@dataclass
class Progress:
    """All runs of a job by their ids, in the order in which their events arrived."""

    runs: dict[str, RunProgress] = field(default_factory=dict)

    def apply(self, event: Event) -> RunProgress | None:
        """Apply an event. Returns its run, if it has one."""
        if event.run is None:
            return None
        run = self.runs.setdefault(event.run, RunProgress(event.run, name=event.run))
        if (told := event.told) is not None:
            _take(run, told)
        return run


def _take(run: RunProgress, told: JobEvent) -> None:
    match told:
        case events.Progress() | events.RunEvaluated():
            run.state = "running"
            for name in _MEASURED & told.model_dump(exclude_unset=True).keys():
                setattr(run, name, getattr(told, name))
        case events.RunStarted() | events.RunMoved() | events.RunSucceeded() | events.RunCancelled():
            run.state = told.state
        case events.RunFailed():
            run.state = told.state
            run.error = f"{told.error.type}: {told.error.message}" if told.error else ""
        case events.JobCreated() | events.JobFinished() | events.Sampled():
            pass
        case events.CellCompiled() | events.CheckpointCorrupt():
            pass
        case _:
            assert_never(told)


_MEASURED = {
    "step",
    "total_steps",
    "epoch",
    "tokens_per_second",
    "train_perplexity",
    "validation_perplexity",
    "bits_per_character",
}
