"""The state of early stopping and of plateau schedules, after the evaluations of a run so far."""

import math
from dataclasses import dataclass, replace

from gatelab.wire.evaluations import EndedBy


@dataclass(frozen=True)
class Waiting:
    """How long a loss has not improved.

    Attributes:
        best: the last value that was an improvement; None before the first.
        waited: how many values since then were none.
    """

    best: float | None = None
    waited: int = 0

    def after(self, value: float, min_delta: float) -> "Waiting":
        """Once another value was measured. It improves if it is lower than the best by more than `min_delta`."""
        if math.isfinite(value) and (self.best is None or value < self.best - min_delta):
            return Waiting(value, 0)
        return Waiting(self.best, self.waited + 1)


@dataclass(frozen=True)
class StoppingState:
    """
    Attributes:
        measured: what `training.stop.metric` names, at the latest evaluation; None before the first.
        stop: the waiting for its improvement.
        plateau: the waiting of a schedule on a plateau for a better validation loss.
        cuts: how often that schedule has cut the learning rate.
        ended: why the run has ended; None while it continues.
    """

    measured: float | None = None
    stop: Waiting = Waiting()
    plateau: Waiting = Waiting()
    cuts: int = 0
    ended: EndedBy | None = None

    def on_plateau(self, validation_loss: float, *, patience: int, min_delta: float) -> "StoppingState":
        """Once an evaluation was made: after `patience` of them without improvement the rate is cut."""
        waiting = self.plateau.after(validation_loss, min_delta)
        if waiting.waited < patience:
            return replace(self, plateau=waiting)
        return replace(self, plateau=Waiting(waiting.best, 0), cuts=self.cuts + 1)


BEGINNING = StoppingState()
"""Before the first evaluation."""
