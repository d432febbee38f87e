"""The learning rate of every step: a pure function of the schedule, the step, and the cuts on a plateau."""

import math
from dataclasses import dataclass

from gatelab.specs.schedules import (
    ConstantSpec,
    CosineSpec,
    ExponentialSpec,
    InverseSqrtSpec,
    LinearSpec,
    OneCycleSpec,
    PlateauSpec,
    ScheduleSpec,
    StepScheduleSpec,
)


def rate(
    schedule: ScheduleSpec, lr: float, step: int, total_steps: int, *, epoch_steps: int = 1, cuts: int = 0
) -> float:
    """The learning rate of the step after `step` others.

    Args:
        lr: the highest rate.
        total_steps: of the whole run; after them, the rate stays.
        epoch_steps: steps of an epoch, for schedules by epochs.
        cuts: the number of times that a plateau has cut the rate (`gatelab.stopping_state`).
    """
    match schedule:
        case ConstantSpec(warmup=0):
            return lr
        case OneCycleSpec():
            return lr * _one_cycle(schedule, step, total_steps)
    length = _Lengths(schedule.by == "epochs", epoch_steps)
    warmup = round(length.of(schedule.warmup))
    if step < warmup:
        return lr * (step + 1) / warmup
    since, left = step - warmup, max(1, total_steps - warmup)
    if isinstance(schedule, ConstantSpec):
        return lr
    return lr * max(schedule.floor, _share(schedule, min(since, left), left, length, cuts))


@dataclass(frozen=True)
class _Lengths:
    """Lengths of a schedule in steps."""

    in_epochs: bool
    epoch_steps: int

    def of(self, span: float) -> float:
        return span * self.epoch_steps if self.in_epochs else span


def _share(
    schedule: LinearSpec | CosineSpec | StepScheduleSpec | ExponentialSpec | InverseSqrtSpec | PlateauSpec,
    since: int,
    left: int,
    length: _Lengths,
    cuts: int,
) -> float:
    """The rate as a share of lr, `since` steps after the warm-up, after which the run has `left` steps."""
    match schedule:
        case LinearSpec(floor=floor):
            return 1 - (1 - floor) * since / left
        case CosineSpec(floor=floor):
            return floor + (1 - floor) * (1 + math.cos(math.pi * _place(schedule, since, left, length))) / 2
        case StepScheduleSpec(every=every, factor=factor):
            return float(factor ** int(since // max(1.0, round(length.of(every)))))
        case ExponentialSpec(every=every, factor=factor):
            return float(factor ** (since / length.of(every)))
        case InverseSqrtSpec(timescale=timescale, warmup=warmup):
            scale = length.of(warmup if timescale is None else timescale)
            return math.sqrt(scale / (scale + since))
        case PlateauSpec(factor=factor):
            return float(factor**cuts)


def _place(schedule: CosineSpec, since: int, left: int, length: _Lengths) -> float:
    """The progress of the current fall of a cosine, from 0 to 1."""
    if schedule.period is None:
        return since / left
    period, growth = max(1.0, length.of(schedule.period)), schedule.growth
    if growth == 1:
        return since % period / period
    begun = 0.0
    while since >= begun + period:
        begun, period = begun + period, period * growth
    return (since - begun) / period


def _one_cycle(schedule: OneCycleSpec, step: int, total_steps: int) -> float:
    """torch.optim.lr_scheduler.OneCycleLR's share of the highest rate."""
    top, end = schedule.rise * total_steps - 1, total_steps - 1
    if step < top:
        return _between(schedule.first, 1.0, step / top)
    return _between(1.0, schedule.last, min(1.0, (step - top) / (end - top)) if end > top else 1.0)


def _between(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
