"""Which runs tune and compare the published cells: the examples `cell-zoo` and `cell-zoo-recall`, and their changes."""

import math
from collections.abc import Mapping, Sequence

from benchmarks.published.experiments import ROOT
from benchmarks.published.zoo import Choice, cell_of
from gatelab.client import specfile
from gatelab.equations.zoo import zoo
from gatelab.specs import JobSpec, RunSpec
from gatelab.sweeps import expand

SEEDS, RECALL_SEEDS = 10, 5
"""Seeds of the comparisons, from 0. Those of the tuning are the examples', from 100."""

LAGS = (20, 40)
TUNED_LAG = LAGS[0]
"""Where the rates of recall are chosen, for all lags."""

ALLOWANCE = 0.05
"""The share of a symbol's loss that a run on recall may be above the least possible one, where it ends."""


def tuning() -> list[RunSpec]:
    """The runs on The Time Machine that choose each cell's rate and epochs."""
    return _in_order(_example("cell-zoo"))


def comparison(choices: Mapping[str, Choice]) -> list[RunSpec]:
    """The runs on The Time Machine that are compared: each cell as was chosen, on other seeds."""
    job = _example("cell-zoo", "training.seed=0", f"repeats={SEEDS}", "training.stop.patience=null")
    return [_for_epochs(run, choices[cell_of(run)].epochs) for run in _chosen(_in_order(job), choices)]


def recall_tuning() -> list[RunSpec]:
    """The runs on delayed recall that choose each cell's rate."""
    return _in_order(_example("cell-zoo-recall"))


def recall_comparison(choices: Mapping[str, Choice], lag: int) -> list[RunSpec]:
    """The runs on delayed recall that are compared at a lag."""
    steps, target = f"training.num_steps={lag + 4}", f"training.stop.target={remembered_loss(lag)}"
    job = _example("cell-zoo-recall", "training.seed=0", f"repeats={RECALL_SEEDS}", steps, target)
    return _chosen(_in_order(job), choices)


def remembered_loss(lag: int) -> float:
    """The validation loss in nats per token at which a run on recall ends, since it remembers.

    Of a line, nothing can predict the symbol, one of 8, and the noise, characters of 4; the other three tokens follow
    from what was read.
    """
    return round(((1 + ALLOWANCE) * math.log(8) + lag * math.log(4)) / (lag + 4), 4)


def _example(file: str, *changes: str) -> JobSpec:
    return specfile.load(ROOT / "examples" / f"{file}.yaml", changes)


def _in_order(job: JobSpec) -> list[RunSpec]:
    """Seed by seed."""
    order = list(zoo())
    return sorted(expand(job, 10_000), key=lambda run: (run.training.seed, order.index(cell_of(run))))


def _chosen(runs: Sequence[RunSpec], choices: Mapping[str, Choice]) -> list[RunSpec]:
    return [run for run in runs if run.training.optimizer.lr == choices[cell_of(run)].lr]


def _for_epochs(run: RunSpec, epochs: int) -> RunSpec:
    # One look at the held-out text, after the last epoch: it changes nothing of the training.
    every = run.training.evaluate_every.model_copy(update={"epochs": epochs})
    training = run.training.model_copy(update={"epochs": epochs, "evaluate_every": every})
    return run.model_copy(update={"training": training})
