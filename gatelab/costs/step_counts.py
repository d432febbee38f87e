"""How many steps and evaluations a run has at most, counted from its spec."""

import math
from dataclasses import dataclass

from gatelab.specs.training import TrainingSpec
from gatelab.text.reading_costs import Part


@dataclass(frozen=True)
class Course:
    """The length of a run, unless a loss or the time ends it before.

    Attributes:
        steps: of the optimizer, at most.
        evaluations: of the validation text, at most.
    """

    steps: int
    evaluations: int

    def of(self, per_epoch: int, batches: int) -> int:
        """The total over all steps of a quantity that amounts to `per_epoch` in an epoch of `batches`."""
        return -(-per_epoch * self.steps // batches)


def course(training: TrainingSpec, train: Part) -> Course:
    """The length of a run whose epochs read `train`."""
    stop, every = training.stop, training.evaluate_every
    steps = training.epochs * train.batches
    if stop.max_steps is not None:
        steps = min(steps, stop.max_steps)
    if stop.max_tokens is not None:
        steps = min(steps, math.ceil(stop.max_tokens * train.batches / train.tokens))
    if every.epochs is not None:
        between: float = every.epochs * train.batches
    elif every.steps is not None:
        between = every.steps
    else:
        assert every.tokens is not None, "an evaluation comes every few epochs, steps or tokens"
        between = max(1.0, every.tokens * train.batches / train.tokens)
    return Course(steps, math.ceil(steps / between))
