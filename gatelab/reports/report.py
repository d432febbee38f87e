"""The content of a report: data that every format shows in its own way.

Losses are mean cross entropies in nats per token, perplexities their exponentials, times seconds.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from gatelab.wire.runs import Change


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


class Interval(Part):
    """The mean of `n` runs and its 95 % confidence interval.

    A single run has no interval. The seconds of runs that were trained in lock-step have none either.
    """

    mean: float
    low: float | None
    high: float | None
    n: int


class Measures(Part):
    """The measurements of one run at its latest evaluation. None: not measured, or not a finite number."""

    train_perplexity: float | None = None
    validation_perplexity: float | None = None
    test_perplexity: float | None = None
    bits_per_character: float | None = None
    test_bits_per_character: float | None = None
    seconds: float | None = None
    tokens_per_second: float | None = None


class RunRow(Part):
    """One run. `values` are those of the paths that vary; `state` is its state in words."""

    run: str
    job: str
    index: int
    seed: int
    values: Mapping[str, Any]
    state: str
    epoch: int
    parameters: int | None
    predicted_seconds: float | None
    measures: Measures
    sample: str | None


class Averages(Part):
    """Each of `Measures`, averaged over the runs of a variant that succeeded."""

    train_perplexity: Interval | None = None
    validation_perplexity: Interval | None = None
    test_perplexity: Interval | None = None
    bits_per_character: Interval | None = None
    test_bits_per_character: Interval | None = None
    seconds: Interval | None = None
    tokens_per_second: Interval | None = None


class Variant(Part):
    """A grid point: all runs that differ only in the seed.

    `runs` are all of them; `seeds` is the number of their seeds; a seed counts once, even if it was trained
    several times. `succeeded` counts the seeds that succeeded, `troubles` describes the others. `sample` comes
    from the run with the lowest seed.
    """

    number: int
    label: str
    values: Mapping[str, Any]
    runs: Sequence[str]
    seeds: int
    succeeded: int
    troubles: Sequence[str]
    parameters: int | None
    averages: Averages
    sample: str | None


class Pair(Part):
    """Two variants, compared seed by seed on their loss.

    `difference` is the loss of the first minus that of the second, in nats.
    `low` and `high` bound its confidence interval; those of all pairs of the report hold together with 95 %
    confidence. `significant` says that it excludes 0. `p` is of Student's paired t-test; `p_adjusted` is corrected for
    the number of comparisons by Bonferroni's method, as the interval is.
    """

    first: int
    second: int
    seeds: int
    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float
    significant: bool


class Comparison(Part):
    """The pairs that were tested, the loss, and the method; `note` says why there are no pairs, or not all."""

    measure: Literal["test loss", "validation loss", "test bits per character", "validation bits per character"]
    pairs: Sequence[Pair]
    method: str
    note: str | None


class Level(Part):
    """The runs with one value of a hyper-parameter: the geometric mean of their perplexity, and the mean seconds."""

    value: Any
    runs: int
    validation_loss: float
    validation_perplexity: float | None
    seconds: float | None


class Effect(Part):
    """One hyper-parameter. Shares are of the variance of validation loss and of seconds between all runs (0..1)."""

    path: str
    levels: Sequence[Level]
    loss_share: float | None
    seconds_share: float | None


class Rest(Part):
    """The variance that no hyper-parameter explains alone.

    `interactions` is the part that they explain only together, `seeds` the part that differs between repeats. Without
    repeats, or for the seconds of runs that were trained in lock-step, `seeds` is None and `interactions` has all the
    rest, chance included.
    """

    interactions: float
    seeds: float | None


class Influence(Part):
    effects: Sequence[Effect]
    loss_rest: Rest | None
    seconds_rest: Rest | None
    runs: int
    excluded: int
    method: str


class Curve(Part):
    """Losses of a variant by epoch: means over the runs that have reached the epoch."""

    variant: int
    epochs: Sequence[int]
    train_loss: Sequence[float | None]
    validation_loss: Sequence[float | None]


class Branch(Part):
    """A run that started from a checkpoint of another run, its parent, at the parent's `step`.

    `continues` says that it took over the optimizer's state and the count of steps, not only the weights. `epoch` and
    `loss_there` belong to the parent's last evaluation before the branch, `parent_loss` and `loss` to the latest
    evaluation of each, in nats per token. `changes` and the parent's losses are None if the report lacks the parent.
    """

    run: str
    parent: str
    step: int | None
    continues: bool
    changes: Sequence[Change] | None
    epoch: int | None
    loss_there: float | None
    parent_loss: float | None
    loss: float | None


class Timing(Part):
    """Predicted and actual seconds of the runs that have both."""

    runs: int
    predicted_seconds: float
    actual_seconds: float


class Report(Part):
    """Everything about the runs of a job, or about runs of any jobs."""

    title: str
    job: str | None
    spec: Mapping[str, Any] | None
    corpora: Mapping[str, str]
    """Name -> sha256."""
    devices: Sequence[str]
    states: Mapping[str, int]
    paths: Sequence[str]
    tuned: Sequence[str]
    """Paths whose value was chosen for each variant: that of the lowest validation loss."""
    best: int | None
    """The variant of the lowest validation loss."""
    warnings: Sequence[str]
    variants: Sequence[Variant]
    runs: Sequence[RunRow]
    comparison: Comparison
    influence: Influence | None
    curves: Sequence[Curve]
    branches: Sequence[Branch]
    timing: Timing | None
    methods: Sequence[str]
