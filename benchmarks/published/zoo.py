"""The published cells compared: raw results, one row for each run, and what the tuning runs choose for each cell."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator

from benchmarks.published import files
from benchmarks.published.training import Trained
from gatelab import gates
from gatelab.network import Network
from gatelab.specs import RecallSpec, RunSpec
from gatelab.specs.cells import EquationsSpec

FILES = ("cell-zoo", "cell-zoo-recall")

Part = Literal["tuning", "comparison"]

EXAMPLES = 40_000
"""Lines of a corpus of recall, nine tenths of them for training and validation."""

LINES = 1000
"""Fresh lines, on which a run is asked to recall."""

REMEMBERS = 0.99
"""The share of symbols that a run names where it counts as remembering."""

Key = tuple[str, int, str, float, int, int]
"""Part, lag (0: The Time Machine), cell, rate, seed and epochs of a run."""

Loss = Annotated[float | None, BeforeValidator(lambda value: None if value == "" else value)]
"""Nats per token; None if the run has none."""


@dataclass(frozen=True)
class Trial:
    """Runs on one text, and what they are for. `lag` is 0 where the text asks for no memory."""

    part: Part
    lag: int
    runs: Sequence[RunSpec]
    text: str

    def key_of(self, run: RunSpec) -> Key:
        """What the row of one of its runs is found by."""
        return (self.part, self.lag, cell_of(run), run.training.optimizer.lr, run.training.seed, run.training.epochs)


class Row(BaseModel):
    """One run. `epochs` is what the spec asked for; `epoch` and `step` say where the run ended."""

    part: Part
    cell: str
    lr: float
    seed: int
    epochs: int
    parameters: int
    state: Literal["succeeded", "diverged"]
    epoch: int
    step: int
    validation_loss: Loss
    seconds: float
    trained_together: int

    @property
    def key(self) -> Key:
        return (self.part, 0, self.cell, self.lr, self.seed, self.epochs)


class TextRow(Row):
    """A run on The Time Machine. Its best epoch is that of the lowest validation loss; 0 where it never had any."""

    train_loss: Loss
    test_loss: Loss
    best_epoch: int
    best_validation_loss: Loss

    @classmethod
    def of(cls, trial: Trial, run: RunSpec, trained: Trained) -> "TextRow":
        best = min(trained.evaluations, key=lambda each: each.validation_loss, default=None)
        last = None if trained.error else trained.last
        return cls(
            **_common(trial.part, run, trained),
            train_loss=last.train_loss if last else None,
            test_loss=last.test_loss if last else None,
            best_epoch=best.position.epoch if best else 0,
            best_validation_loss=best.validation_loss if best else None,
        )


class RecallRow(Row):
    """A run on delayed recall, and the share of 1,000 fresh symbols that it named: 0 where it diverged."""

    lag: int
    recall: float

    @property
    def key(self) -> Key:
        return (self.part, self.lag, self.cell, self.lr, self.seed, self.epochs)

    @property
    def remembers(self) -> bool:
        return self.recall >= REMEMBERS

    @classmethod
    def of(cls, trial: Trial, run: RunSpec, trained: Trained) -> "RecallRow":
        trainer, accuracy = trained.trainer, 0.0
        if not trained.error:
            network = Network.of(trainer.checkpoint())
            accuracy = gates.recall(network, trainer.data.tokenizer, task(trial.lag), LINES).accuracy
        return cls(**_common(trial.part, run, trained), lag=trial.lag, recall=accuracy)


def _common(part: Part, run: RunSpec, trained: Trained) -> dict[str, Any]:
    at, last = trained.trainer.position, None if trained.error else trained.last
    return {
        "part": part,
        "cell": cell_of(run),
        "lr": run.training.optimizer.lr,
        "seed": run.training.seed,
        "epochs": run.training.epochs,
        "parameters": len(trained.trainer.member.parameters),
        "state": "diverged" if trained.error else "succeeded",
        "epoch": at.epoch,
        "step": at.step,
        "validation_loss": last.validation_loss if last else None,
        "seconds": at.seconds,
        "trained_together": trained.together,
    }


AnyRow = TypeVar("AnyRow", TextRow, RecallRow)


def cell_of(run: RunSpec) -> str:
    """The name of the zoo's file that a run's cell is."""
    cell = run.model.cell
    return cell.title if isinstance(cell, EquationsSpec) else cell.kind


def task(lag: int) -> RecallSpec:
    return RecallSpec(kind="recall", lag=lag, examples=EXAMPLES)


def read(file: Path, kind: type[AnyRow]) -> list[AnyRow]:
    """The rows of a file; none where there is no file yet."""
    return [kind.model_validate(row) for row in files.read(file)] if file.exists() else []


def write(file: Path, found: Sequence[AnyRow]) -> None:
    """All rows, by part, lag, cell, rate and seed."""
    ordered = sorted(found, key=lambda row: row.key)
    files.write_all(file, ordered)


# -- What tuning chooses ----------------------------------------------------------------------------------------------


class Choice(NamedTuple):
    """What the tuning runs choose for a cell."""

    lr: float
    epochs: int


def choose(rows: Sequence[TextRow]) -> dict[str, Choice]:
    """Cell -> its rate, and the mean of the epochs in which the tuning runs with this rate were best.

    With that rate the fewest of them diverged, and then the mean of their lowest validation losses is the lowest.
    """
    found = {}
    for cell, rates in by_rate(rows).items():
        lr = min(rates, key=lambda each: (_diverged(rates[each]), best_loss(rates[each])))
        found[cell] = Choice(lr, max(1, round(statistics.fmean(row.best_epoch for row in rates[lr]))))
    return found


def choose_recall(rows: Sequence[RecallRow]) -> dict[str, Choice]:
    """Cell -> the rate with which the tuning seeds recall most; where equal, after the fewest steps."""
    found = {}
    for cell, rates in by_rate(rows).items():
        ranks = {lr: (-sum(row.recall for row in of), sum(row.step for row in of)) for lr, of in rates.items()}
        lr = min(ranks, key=lambda each: ranks[each])
        found[cell] = Choice(lr, rates[lr][0].epochs)
    return found


def by_rate(rows: Iterable[AnyRow]) -> dict[str, dict[float, list[AnyRow]]]:
    """Cell -> rate -> its tuning runs."""
    found: dict[str, dict[float, list[AnyRow]]] = {}
    for row in rows:
        if row.part == "tuning":
            found.setdefault(row.cell, {}).setdefault(row.lr, []).append(row)
    return found


def best_loss(rows: Iterable[TextRow]) -> float:
    """The mean of the lowest validation losses; infinite where no run had any."""
    known = [row.best_validation_loss for row in rows if row.best_validation_loss is not None]
    return statistics.fmean(known) if known else float("inf")


def _diverged(rows: Iterable[Row]) -> int:
    return sum(row.state == "diverged" for row in rows)
