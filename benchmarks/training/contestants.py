"""The contestants: Gatelab's engines, the textbook's loop and PyTorch's layers, all with the same weights."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.training import weights
from benchmarks.training.shapes import Shape, random_model, random_windows
from gatelab.model import LanguageModel
from gatelab.scan import native
from gatelab.specs import CellSpec, SgdSpec, TrainingSpec
from gatelab.specs.training import Precision
from gatelab.text.tokenizers import Ids
from gatelab.training.engines import EngineName, Member, Reading, build_engine

SEED = 0
LR = 1.0
NATIVE: EngineName = "native"
REFERENCE: EngineName = "torch"
PEERS = TEXTBOOK, TORCH_NN = "textbook", "torch.nn"
TITLES = {TEXTBOOK: "the book's loop", TORCH_NN: "torch.nn", REFERENCE: "torch engine"}
CHECKED_STEPS = 4
TOLERANCE = 1e-4
"""The largest difference between the losses of two contestants, in nats."""

Step = Callable[[Ids], float]
"""Gathers the windows with these numbers and takes a training step on them. Returns the mean loss before the step."""


class Disagreement(Exception):
    """Two contestants do not compute the same, so their speeds cannot be compared."""


@dataclass(frozen=True)
class Task:
    """A cell, the sizes of a model of it, and the size of a training step."""

    cell: CellSpec
    shape: Shape

    def model(self) -> LanguageModel:
        """A new copy of the model with which all contestants begin."""
        return random_model(self.cell, self.shape, SEED)

    def batches(self) -> Iterator[Ids]:
        """The numbers of the windows of one batch after the other, endlessly."""
        return itertools.cycle(random_windows(self.shape, SEED).in_order())

    def rows(self) -> Tensor:
        """All windows with their targets: (windows, steps + 1)."""
        return torch.from_numpy(random_windows(self.shape, SEED).ids).unfold(0, self.shape.steps + 1, 1)


def engines() -> tuple[EngineName, ...]:
    """The engines that can train on this machine's CPU, the fastest first."""
    return (NATIVE, REFERENCE) if has_native() else (REFERENCE,)


def has_native() -> bool:
    try:
        native.load()
    except native.Unavailable:
        return False
    return True


def build(task: Task, name: str) -> Step | None:
    """The contestant called `name`: an engine or a peer. None if it cannot train `task`."""
    rows = task.rows()
    match name:
        case "textbook":
            textbook = weights.textbook(task.model())
            return lambda which: textbook.step(rows[which], LR)
        case "torch.nn":
            layers = weights.torch_layers(task.model(), LR)
            return layers and (lambda which: layers.step(rows[which]))
        case "native" | "torch":
            return _engine(task, name)
    raise ValueError(f"there is no contestant {name!r}")


def contestants(task: Task) -> dict[str, Step]:
    """All contestants that can train `task`, by name: engines, then peers."""
    names = (*engines(), *PEERS)
    return {name: step for name in names if (step := build(task, name))}


def native_step(task: Task, precision: Precision) -> Step:
    """The native engine in a precision.

    Raises:
        InvalidInput: the engine does not support this precision here.
    """
    return _engine(task, NATIVE, precision)


def _engine(task: Task, name: EngineName, precision: Precision = "fp32") -> Step:
    shape, sgd = task.shape, SgdSpec(kind="sgd", lr=LR)
    training = TrainingSpec(num_steps=shape.steps, batch_size=shape.batch, optimizer=sgd, precision=precision)
    # All contestants use PyTorch's number of threads.
    engine = build_engine([member_of(task.model(), training)], "cpu", name, torch.get_num_threads())
    windows = random_windows(shape, SEED)

    def step(which: Ids) -> float:
        engine.threads = torch.get_num_threads()  # `scaling` changes it
        read = engine.differentiate({0: Reading(windows, which)})[0]
        engine.update([0])
        return read.loss / read.tokens

    return step


def member_of(model: LanguageModel, training: TrainingSpec) -> Member:
    """A member that begins with the weights of a model."""
    weights = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    return Member.starting_with(weights, model.spec, model.vocabulary, training)


def check(steps: Mapping[str, Step], task: Task) -> None:
    """Take the first steps with all contestants. The later losses depend on gradients, clipping and updates.

    Raises:
        Disagreement: the loss of a contestant differs from the torch engine's, which defines the results.
    """
    batches = task.batches()
    for number in range(1, CHECKED_STEPS + 1):
        which = next(batches)
        losses = {name: step(which) for name, step in steps.items()}
        for name, loss in losses.items():
            if not abs(loss - losses[REFERENCE]) <= TOLERANCE:
                raise Disagreement(f"{name}: loss {loss} before step {number}, {REFERENCE}: {losses[REFERENCE]}")
