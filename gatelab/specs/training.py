"""How a model is trained."""

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gatelab.specs.base import PromptText, Spec
from gatelab.specs.schedules import CONSTANT, ScheduleSpec
from gatelab.specs.stopping import EvaluateEverySpec, StopSpec

Share = Annotated[float, Field(ge=0, le=1)]
LearningRate = Annotated[float, Field(gt=0, le=1000)]
Precision = Literal["fp32", "bf16"]
"""The precision of matrix products' operands. State, sums, gradients and weights are always single precision."""

USUAL_SPLIT = (0.8, 0.1, 0.1)
"""Shares of training, validation and test if a spec does not set them."""

SEEDS = 2**53
"""Seeds are below this, so that every reader of JSON gets them exactly."""

Betas = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]


class _Optimizer(Spec):
    """The fields of every optimizer."""

    kind: str
    lr: LearningRate = Field(1e-3, description="learning rate")
    schedule: ScheduleSpec = Field(CONSTANT, description="how the learning rate changes; lr is the highest rate")


class SgdSpec(_Optimizer):
    """Stochastic gradient descent, as torch.optim.SGD."""

    kind: Literal["sgd"]
    lr: LearningRate = Field(description="learning rate")
    momentum: float = Field(0.0, ge=0, lt=1, description="share of the previous update that is added")
    nesterov: bool = Field(False, description="Nesterov momentum; needs a momentum above 0")
    weight_decay: float = Field(
        0.0, ge=0, le=10, description="L2 penalty: this times the weight is added to the gradient"
    )

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> "SgdSpec":
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class RmspropSpec(_Optimizer):
    """RMSprop (Tieleman & Hinton 2012), as torch.optim.RMSprop."""

    kind: Literal["rmsprop"]
    alpha: float = Field(0.99, ge=0, lt=1, description="decay of the running mean of squared gradients")
    eps: float = Field(1e-8, gt=0, le=1, description="added to the denominator, against division by 0")
    momentum: float = Field(0.0, ge=0, lt=1, description="share of the previous update that is added")
    weight_decay: float = Field(
        0.0, ge=0, le=10, description="L2 penalty: this times the weight is added to the gradient"
    )


class AdamSpec(_Optimizer):
    """Adam (Kingma & Ba 2015), as torch.optim.Adam."""

    kind: Literal["adam"]
    betas: Betas = Field((0.9, 0.999), description="decays of the running means of the gradient and of its square")
    eps: float = Field(1e-8, gt=0, le=1, description="added to the denominator, against division by 0")


class AdamWSpec(_Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019), as torch.optim.AdamW."""

    kind: Literal["adamw"]
    betas: Betas = Field((0.9, 0.999), description="decays of the running means of the gradient and of its square")
    eps: float = Field(1e-8, gt=0, le=1, description="added to the denominator, against division by 0")
    weight_decay: float = Field(
        0.01, ge=0, le=10, description="decoupled: each step subtracts lr times this times the weight"
    )
    decay_biases: bool = Field(True, description="whether biases decay too; false: only matrices do")


OptimizerSpec = Annotated[SgdSpec | RmspropSpec | AdamSpec | AdamWSpec, Field(discriminator="kind")]


class WindowsSpec(Spec):
    """The pieces of the text that are used for training.

    By default the text is split 80/10/10 (or as `split` says) into training, validation and test, each cut into
    windows of `num_steps` tokens. With `train` and `validation`, the windows of the whole text are numbered from its
    start and the first `train` and the next `validation` of them are taken (the book's way, with stride 1).
    With `test` too, the `test` windows after those are scored once, after the last epoch.
    """

    stride: int | None = Field(
        None, ge=1, le=1_000_000, description="tokens between the starts of windows; default num_steps"
    )
    train: int | None = Field(None, ge=1, le=1_000_000_000, description="number of windows for training")
    validation: int | None = Field(None, ge=1, le=1_000_000_000, description="number of windows for validation")
    test: int | None = Field(None, ge=1, le=1_000_000_000, description="number of windows for the test")
    split: tuple[Share, Share, Share] | None = Field(
        None,
        description="shares of the text for training, validation and test, such as [0.9, 0.05, 0.05]; default 80/10/10",
    )
    gap: int = Field(0, ge=0, le=1_000_000_000, description="tokens left out before validation and before test")

    @property
    def counts(self) -> tuple[int, int, int] | None:
        """The numbers of windows for training, validation and test; None if the whole text is split."""
        return None if self.train is None or self.validation is None else (self.train, self.validation, self.test or 0)

    @model_validator(mode="after")
    def _together(self) -> "WindowsSpec":
        if (self.train is None) != (self.validation is None):
            raise ValueError("give both train and validation, or leave both out")
        if self.test is not None and self.train is None:
            raise ValueError("test needs train and validation: without them the whole text is split 80/10/10")
        if self.train is not None and (self.split is not None or self.gap):
            raise ValueError(
                "split and gap divide the whole text, while train, validation and test count windows: give only one of"
                " the two"
            )
        return self

    @model_validator(mode="after")
    def _shares(self) -> "WindowsSpec":
        if self.split is not None and (not self.split[0] or sum(Fraction(str(share)) for share in self.split) > 1):
            raise ValueError(
                f"split needs a share for training, and shares that add up to at most 1 (got {list(self.split)})"
            )
        return self


class SampleSpec(Spec):
    """Text generated at every evaluation, to watch the model learn."""

    prefix: PromptText = Field("", max_length=10_000, description="text to continue")
    characters: int = Field(50, ge=1, le=10_000, description="tokens to generate after the prefix")
    temperature: float = Field(0.0, ge=0, le=100, description="randomness; 0 always takes the likeliest token")


class TrainingSpec(Spec):
    num_steps: int = Field(32, ge=1, le=1_000_000, description="tokens of a window: truncated backpropagation length")
    batch_size: int = Field(64, ge=1, le=1_000_000, description="windows per optimizer step")
    windows: WindowsSpec = Field(WindowsSpec(), description="how the text is split and cut into windows")
    carry_state: bool = Field(
        False,
        description="windows follow each other in the text and the hidden state is carried from one to the next",
    )
    optimizer: OptimizerSpec = Field(AdamSpec(kind="adam"), description="optimizer and learning rate")
    clip_norm: float | None = Field(1.0, gt=0, le=1e9, description="bound of the gradient's norm; null for none")
    epochs: int = Field(10, ge=1, le=1_000_000, description="passes over the training windows")
    stop: StopSpec = Field(StopSpec(), description="conditions that end training early")
    evaluate_every: EvaluateEverySpec = Field(
        EvaluateEverySpec(epochs=1), description="interval between evaluations on the validation text"
    )
    seed: int = Field(
        0, ge=0, lt=SEEDS, description="determines initial values, the order of windows and dropout masks"
    )
    precision: Precision = Field(
        "fp32",
        description="precision of the operands of matrix products; bf16 is less exact, but faster where available",
    )
    sample: SampleSpec | None = Field(SampleSpec(), description="text to generate at evaluations; null for none")
    gate_statistics: bool = Field(
        False, description="measure at every evaluation what the gates do on the beginning of the validation text"
    )
    keep_checkpoints: int = Field(
        3, ge=1, le=1000, description="number of latest checkpoints to keep; older ones are deleted"
    )
    keep_best: bool = Field(
        True, description="also keep a checkpoint of the evaluation with the lowest validation loss, however old"
    )

    @model_validator(mode="after")
    def _carrying_needs_adjoining_windows(self) -> "TrainingSpec":
        if self.carry_state and self.windows.stride not in (None, self.num_steps):
            raise ValueError("carry_state needs windows.stride equal to num_steps (or left out)")
        return self
