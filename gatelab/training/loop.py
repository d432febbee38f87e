"""Training: an iterator of events. Who persists them is not its business."""

import time
from collections.abc import Iterator

import torch

from gatelab.checkpoint import Checkpoint
from gatelab.specs.job import RunSpec
from gatelab.text import Corpus
from gatelab.training.engines import Wanted, build_engine
from gatelab.training.events import Evaluated, Event, Stepped
from gatelab.training.trainer import Trainer


def train(
    spec: RunSpec,
    corpus: Corpus,
    *,
    device: torch.device | str = "cpu",
    engine: Wanted = "auto",
    resume: Checkpoint | None = None,
) -> Iterator[Event]:
    """Train the model of `spec` on `corpus`, from the start or from a checkpoint of the same spec.

    A resumed run continues bit-identically on the same machine and engine.

    Yields:
        `Started`, then a `Stepped` after every optimizer step and an `Evaluated` after every epoch.

    Raises:
        InvalidSpec: the corpus is too short for the spec's windows.
        InvalidInput: the engine that is asked for cannot be used here.
        Diverged: a loss is not finite.
    """
    trainer = Trainer(spec, corpus)
    trainer.join(build_engine([trainer.member], torch.device(device), engine), 0, resume)
    yield trainer.started()
    while not trainer.ended:
        if trainer.at_end_of_epoch:
            evaluated = _evaluate(trainer)
            yield evaluated
            trainer.check_evaluation(evaluated)
        else:
            yield step(trainer)


def step(trainer: Trainer) -> Stepped:
    """Take the trainer's next step.

    Raises:
        Diverged: the loss before it is not finite; nothing was updated.
    """
    begun = time.perf_counter()
    read = trainer.engine.differentiate({trainer.index: trainer.reading()})[trainer.index]
    trainer.check(read)
    trainer.engine.update([trainer.index])
    return trainer.stepped(read, time.perf_counter() - begun)


def _evaluate(trainer: Trainer) -> Evaluated:
    begun = time.perf_counter()
    losses = [trainer.engine.evaluate({trainer.index: text})[trainer.index] for text in trainer.texts()]
    return trainer.evaluated(losses, time.perf_counter() - begun)
