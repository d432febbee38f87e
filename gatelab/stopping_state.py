"""The state of early stopping and of plateau schedules, after the evaluations of a run so far."""

import math
from dataclasses import dataclass, replace

from gatelab.wire.evaluations import EndedBy


@dataclass(frozen=True)
class Waiting:
    """The evaluations for which a loss has not improved.

    Attributes:
        best: the last value that was an improvement; None before the first.
        waited: the number of values since then without an improvement.
    """

    best: float | None = None
    waited: int = 0

    def after(self, value: float, min_delta: float) -> "Waiting":
        """The state after another value. It is an improvement if it is lower than the best by more than `min_delta`."""
        if math.isfinite(value) and (self.best is None or value < self.best - min_delta):
            return Waiting(value, 0)
        return Waiting(self.best, self.waited + 1)


@dataclass(frozen=True)
class StoppingState:
    """
    Attributes:
        measured: the value of `training.stop.metric` at the latest evaluation; None before the first.
        stop: the state of waiting for its improvement.
        plateau: the state of a plateau schedule that waits for a better validation loss.
        cuts: the number of times that this schedule has cut the learning rate.
        ended: why the run has ended; None while it continues.
    """

    measured: float | None = None
    stop: Waiting = Waiting()
    plateau: Waiting = Waiting()
    cuts: int = 0
    ended: EndedBy | None = None

    def on_plateau(self, validation_loss: float, *, patience: int, min_delta: float) -> "StoppingState":
        """The state after an evaluation. After `patience` evaluations without improvement, the rate is cut."""
        waiting = self.plateau.after(validation_loss, min_delta)
        if waiting.waited < patience:
            return replace(self, plateau=waiting)
        return replace(self, plateau=Waiting(waiting.best, 0), cuts=self.cuts + 1)


BEGINNING = StoppingState()
"""The state before the first evaluation."""
