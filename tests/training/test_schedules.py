"""Schedules against torch.optim.lr_scheduler, if it has the same one, and against their formulas."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.optim import lr_scheduler as torchs

from gatelab.specs.schedules import ScheduleSpec
from gatelab.stopping_state import StoppingState
from gatelab.training.schedules import rate

LR, STEPS = 0.3, 57
SCHEDULE: TypeAdapter[ScheduleSpec] = TypeAdapter(ScheduleSpec)

Build = Callable[[torch.optim.Optimizer], torchs.LRScheduler]

SAME: dict[str, tuple[dict[str, Any], Build]] = {
    "constant": ({"kind": "constant"}, lambda o: torchs.ConstantLR(o, factor=1.0)),
    "warm-up": ({"kind": "constant", "warmup": 9}, lambda o: torchs.LinearLR(o, 1 / 9, 1.0, total_iters=8)),
    "linear": ({"kind": "linear", "floor": 0.2}, lambda o: torchs.LinearLR(o, 1.0, 0.2, total_iters=STEPS)),
    "cosine": ({"kind": "cosine", "floor": 0.1}, lambda o: torchs.CosineAnnealingLR(o, STEPS, eta_min=0.1 * LR)),
    "restarts": (
        {"kind": "cosine", "period": 5, "growth": 2, "floor": 0.01},
        lambda o: torchs.CosineAnnealingWarmRestarts(o, 5, 2, eta_min=0.01 * LR),
    ),
    "equal-restarts": ({"kind": "cosine", "period": 8}, lambda o: torchs.CosineAnnealingWarmRestarts(o, 8)),
    "step": ({"kind": "step", "every": 7, "factor": 0.4}, lambda o: torchs.StepLR(o, 7, 0.4)),
    "exponential": ({"kind": "exponential", "factor": 0.93}, lambda o: torchs.ExponentialLR(o, 0.93)),
    "one-cycle": (
        {"kind": "one_cycle", "rise": 0.3},
        lambda o: torchs.OneCycleLR(o, LR, STEPS, pct_start=0.3, cycle_momentum=False),
    ),
    "one-cycle-else": (
        {"kind": "one_cycle", "rise": 0.15, "first": 0.1, "last": 0.001},
        lambda o: torchs.OneCycleLR(
            o, LR, STEPS, pct_start=0.15, div_factor=10, final_div_factor=100, cycle_momentum=False
        ),
    ),
    "inverse-sqrt": (
        {"kind": "inverse_sqrt", "timescale": 6},
        lambda o: torchs.LambdaLR(o, lambda step: math.sqrt(6 / (6 + step))),
    ),
    "warm-cosine": (
        {"kind": "cosine", "warmup": 10},
        lambda o: torchs.SequentialLR(
            o, [torchs.LinearLR(o, 0.1, 1.0, total_iters=9), torchs.CosineAnnealingLR(o, STEPS - 10)], [10]
        ),
    ),
}


def rates(schedule: dict[str, Any], steps: int = STEPS, **how: int) -> list[float]:
    spec = SCHEDULE.validate_python(schedule)
    return [rate(spec, LR, step, steps, **how) for step in range(steps)]


@pytest.mark.parametrize("name", SAME)
def test_rates_are_torchs(name: str) -> None:
    schedule, build = SAME[name]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    with warnings.catch_warnings():
        # SequentialLR calls its parts in a way about which torch warns.
        warnings.simplefilter("ignore", UserWarning)
        scheduler = build(optimizer)
        expected = []
        for _ in range(STEPS):
            expected.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    assert rates(schedule) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_plateau_cuts_when_torchs_does() -> None:
    losses = [3.0, 2.5, 2.5, 2.6, 2.4, 2.39, 2.395, 2.4, 2.41, 2.38, 2.5, 2.5, 2.5, 2.5]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    scheduler = torchs.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=1, threshold=0.015, threshold_mode="abs", cooldown=0
    )
    spec, standing = SCHEDULE.validate_python({"kind": "plateau", "factor": 0.5, "patience": 2}), StoppingState()
    seen = set()
    for loss in losses:
        scheduler.step(loss)
        standing = standing.on_plateau(loss, patience=2, min_delta=0.015)
        seen.add(standing.cuts)
        assert rate(spec, LR, 5, STEPS, cuts=standing.cuts) == pytest.approx(optimizer.param_groups[0]["lr"])
    assert len(seen) > 2, "the losses are to bring several cuts"


def test_lengths_may_be_epochs() -> None:
    by_epochs = {"kind": "step", "by": "epochs", "every": 1.5, "warmup": 0.5, "factor": 0.5}
    by_steps = {"kind": "step", "every": 15, "warmup": 5, "factor": 0.5}
    assert rates(by_epochs, epoch_steps=10) == rates(by_steps)


@pytest.mark.parametrize("kind", ["linear", "cosine", "exponential", "step", "inverse_sqrt", "plateau"])
def test_no_rate_is_below_the_floor_or_above_lr(kind: str) -> None:
    more: dict[str, Any] = {"exponential": {"factor": 0.5}, "step": {"every": 3}, "inverse_sqrt": {"timescale": 1}}
    found = rates({"kind": kind, "floor": 0.25, **more.get(kind, {})}, cuts=5)
    assert all(0.25 * LR <= each <= LR for each in found)
    assert min(found) < 0.3 * LR


@pytest.mark.parametrize("schedule", [{"kind": "linear"}, {"kind": "cosine"}, {"kind": "one_cycle"}])
def test_the_rate_behind_the_end_is_that_of_the_end(schedule: dict[str, Any]) -> None:
    spec = SCHEDULE.validate_python(schedule)
    assert rate(spec, LR, 200, 100) == rate(spec, LR, 100, 100)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("name", SAME)
def test_runs_of_few_steps_have_rates(name: str, steps: int) -> None:
    assert all(0 <= each <= LR for each in rates(SAME[name][0], steps))


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"kind": "inverse_sqrt"}, "needs a warmup or a timescale"),
        ({"kind": "cosine", "growth": 2}, "growth needs a period"),
        ({"kind": "exponential"}, "factor"),
        ({"kind": "cosine", "floor": 2}, "floor"),
        ({"kind": "one_cycle", "warmup": 3}, "warmup"),
    ],
)
def test_what_makes_no_sense_is_refused(schedule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SCHEDULE.validate_python(schedule)
