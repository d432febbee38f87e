"""Evaluations and ends of a run, as functions of its spec and position, so that a resume changes nothing."""

import math
from dataclasses import dataclass, replace

from gatelab.checkpoint import Position
from gatelab.specs.schedules import PlateauSpec
from gatelab.specs.training import TrainingSpec
from gatelab.stopping_state import StoppingState
from gatelab.wire.evaluations import EndedBy


@dataclass(frozen=True)
class Measured:
    """The losses of one evaluation: nats per token, and bits per character of the validation text."""

    train_loss: float
    validation_loss: float
    bits_per_character: float


class Ends:
    """The bounds of a run. They are checked after every step, so they are plain numbers.

    Args:
        training: how the model is trained.
        batches: steps of an epoch.
        tokens: training tokens that an epoch reads.
    """

    def __init__(self, training: TrainingSpec, batches: int, tokens: int) -> None:
        self.training, self.batches = training, batches
        stop, every = training.stop, training.evaluate_every
        self._epochs = training.epochs
        self._steps = math.inf if stop.max_steps is None else stop.max_steps
        self._tokens = math.inf if stop.max_tokens is None else stop.max_tokens
        self._seconds = math.inf if stop.max_seconds is None else stop.max_seconds
        self._every_steps, self._every_tokens, self._every_epochs = every.steps, every.tokens, every.epochs
        bound = math.inf if stop.max_tokens is None else math.ceil(stop.max_tokens * batches / tokens)
        self.total_steps = int(min(batches * training.epochs, self._steps, bound))

    def evaluation_due(self, at: Position) -> bool:
        """Whether an evaluation comes next at this position after a step."""
        if at.epoch_tokens == 0:
            return False
        if at.batch == self.batches and self._every_epochs and (at.epoch + 1) % self._every_epochs == 0:
            return True
        if self._every_steps and at.step % self._every_steps == 0:
            return True
        if self._every_tokens and at.epoch_tokens >= self._every_tokens:
            return True
        return self._bound(at) is not None

    def _bound(self, at: Position) -> EndedBy | None:
        """The limits that the run has reached."""
        if at.step >= self._steps:
            return "max_steps"
        if at.tokens >= self._tokens:
            return "max_tokens"
        if at.seconds >= self._seconds:
            return "max_seconds"
        return "epochs" if at.epoch + (at.batch == self.batches) >= self._epochs else None

    def evaluated(self, at: Position, measured: Measured) -> Position:
        """The position after an evaluation, at the end of an epoch or within one, without the time that it took."""
        standing = self._standing(at.standing, measured)
        standing = replace(standing, ended=self._bound(at) or self._enough(standing))
        at = replace(at, epoch_loss=0.0, epoch_tokens=0, standing=standing)
        return next_epoch(at) if at.batch == self.batches else at

    def _enough(self, standing: StoppingState) -> EndedBy | None:
        """The reason why the latest evaluation ends the run, if it does."""
        stop = self.training.stop
        if stop.target is not None and standing.measured is not None and standing.measured <= stop.target:
            return "target"
        return "patience" if stop.patience is not None and standing.stop.waited >= stop.patience else None

    def _standing(self, before: StoppingState, measured: Measured) -> StoppingState:
        stop, schedule = self.training.stop, self.training.optimizer.schedule
        value = float(getattr(measured, stop.metric))
        known = value if math.isfinite(value) else None
        standing = replace(before, measured=known, stop=before.stop.after(value, stop.min_delta))
        if isinstance(schedule, PlateauSpec):
            patience, min_delta = schedule.patience, schedule.min_delta
            standing = standing.on_plateau(measured.validation_loss, patience=patience, min_delta=min_delta)
        return standing


def next_epoch(at: Position) -> Position:
    """The position at the beginning of the next epoch."""
    return replace(at, epoch=at.epoch + 1, batch=0)
