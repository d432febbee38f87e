"""How the learning rate changes while a model is trained: the schedules that a spec can ask for."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gatelab.specs.base import Spec

Span = Annotated[float, Field(gt=0, le=1e12)]
"""A number of steps or epochs, as the schedule's `by` says."""


class _Schedule(Spec):
    """The fields of every schedule.

    The rate rises from near 0 to `lr` during the warm-up. Then the schedule begins; it never falls below `floor * lr`.
    """

    kind: str
    by: Literal["steps", "epochs"] = Field("steps", description="unit of the lengths of the schedule")
    warmup: float = Field(0.0, ge=0, le=1e12, description="length of the linear warm-up, in `by`")


class ConstantSpec(_Schedule):
    """The rate stays as it is."""

    kind: Literal["constant"]


class _Falling(_Schedule):
    floor: float = Field(0.0, ge=0, le=1, description="lowest rate, as a share of lr")


class LinearSpec(_Falling):
    """Falls linearly to `floor` at the end of the run, as torch's LinearLR."""

    kind: Literal["linear"]


class CosineSpec(_Falling):
    """Falls to `floor` along half a cosine (Loshchilov & Hutter 2017), as torch's CosineAnnealingLR.

    With `period` it starts again from `lr` after each period, as torch's CosineAnnealingWarmRestarts.
    """

    kind: Literal["cosine"]
    period: Span | None = Field(None, description="length of the first fall, in `by`; default: to the end of the run")
    growth: int = Field(1, ge=1, le=100, description="how many times as long each period is as the one before")

    @model_validator(mode="after")
    def _growth_of_a_period(self) -> "CosineSpec":
        if self.growth != 1 and self.period is None:
            raise ValueError("growth needs a period: without one, the rate falls once")
        return self


class StepScheduleSpec(_Falling):
    """Multiplied by `factor` after every `every`, as torch's StepLR."""

    kind: Literal["step"]
    every: Span = Field(description="length between two falls, in `by`")
    factor: float = Field(0.1, gt=0, le=1, description="multiplies the rate at each fall")


class ExponentialSpec(_Falling):
    """Falls by `factor` over each stretch of `every`, a little at each step, as torch's ExponentialLR."""

    kind: Literal["exponential"]
    every: Span = Field(1.0, description="length over which the rate falls by factor, in `by`")
    factor: float = Field(gt=0, le=1, description="multiplies the rate over each stretch")


class InverseSqrtSpec(_Falling):
    """Falls with the inverse square root of the steps: lr * sqrt(timescale / (timescale + steps since the warm-up)).

    With the default timescale it is the schedule of Vaswani et al. 2017.
    """

    kind: Literal["inverse_sqrt"]
    timescale: Span | None = Field(None, description="length in `by`; default: that of the warm-up")

    @model_validator(mode="after")
    def _has_a_timescale(self) -> "InverseSqrtSpec":
        if self.timescale is None and self.warmup == 0:
            raise ValueError("inverse_sqrt needs a warmup or a timescale")
        return self


class OneCycleSpec(Spec):
    """Rises to `lr` and falls far below where it began (Smith & Topin 2019), as torch's OneCycleLR with cosines."""

    kind: Literal["one_cycle"]
    rise: float = Field(0.3, gt=0, lt=1, description="share of the run's steps in which the rate rises")
    first: float = Field(0.04, gt=0, le=1, description="rate of the first step, as a share of lr")
    last: float = Field(4e-6, ge=0, le=1, description="rate of the last step, as a share of lr")


class PlateauSpec(_Falling):
    """Multiplied by `factor` after `patience` evaluations in a row without a better loss, as torch's ReduceLROnPlateau.

    torch's own `patience` is one less: it counts the evaluations that are tolerated.
    """

    kind: Literal["plateau"]
    factor: float = Field(0.5, gt=0, lt=1, description="multiplies the rate at each cut")
    patience: int = Field(
        2, ge=1, le=1_000_000, description="evaluations in a row without improvement after which the rate is cut"
    )
    min_delta: float = Field(
        0.0, ge=0, le=1000, description="smallest decrease of the loss, in nats, that counts as improvement"
    )


ScheduleSpec = Annotated[
    ConstantSpec
    | LinearSpec
    | CosineSpec
    | StepScheduleSpec
    | ExponentialSpec
    | InverseSqrtSpec
    | OneCycleSpec
    | PlateauSpec,
    Field(discriminator="kind"),
]
CONSTANT = ConstantSpec(kind="constant")
