"""The runs that are trained under faults, and their results without faults."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from gatelab.specs import RunSpec
from gatelab.text import Corpus
from gatelab.training import Evaluated, train
from gatelab.training.engines import Wanted

CORPUS = "rain"
# Even with the fastest engine, a run must last for a second or two, during which faults can occur.
TEXT = "it had rained for days; the river rose, and nobody in the valley slept. " * 350

EPOCHS = 20

_SPEC: dict[str, Any] = {
    "corpus": CORPUS,
    "training": {
        "num_steps": 8,
        "batch_size": 8,
        "epochs": EPOCHS,
        "optimizer": {"kind": "adam", "lr": 0.01},
        "sample": {"prefix": "it ", "characters": 40},
        # All checkpoints are kept, since the test checks in the end who wrote which, and in what order.
        "keep_checkpoints": 1000,
    },
}

_CELLS: list[dict[str, Any]] = [
    {"kind": "gru", "hidden": 8},
    {"kind": "gru", "hidden": 8, "gates": ["update"]},
    {"kind": "lstm", "hidden": 6},
    {"kind": "rnn", "hidden": 8},
]


def small(**training: Any) -> dict[str, Any]:
    """A job of one run of a second or two, with some of its training fields changed."""
    return _SPEC | {"name": "small", "model": {"cell": _CELLS[0]}, "training": _SPEC["training"] | training}


def batches() -> Iterator[dict[str, Any]]:
    """An endless series of jobs with four runs each, alternately with and without state that slices must carry."""
    while True:
        carried = {"layers": 2, "dropout": 0.2, "input": {"embedding": 6}}
        yield small(carry_state=True, seed=1) | {"name": "carried", "model": carried, "grid": {"model.cell": _CELLS}}
        yield small(seed=2) | {"name": "shuffled", "model": {}, "grid": {"model.cell": _CELLS}}


@dataclass(frozen=True)
class Epoch:
    """One evaluation, without its speed."""

    epoch: int
    step: int
    tokens: int
    train_loss: float | None
    validation_loss: float | None
    test_loss: float | None


@dataclass(frozen=True)
class Outcome:
    """The results of a run: its epochs, its samples by epoch and the digest of its last weights."""

    epochs: tuple[Epoch, ...]
    samples: tuple[tuple[int, str], ...]
    weights_sha256: str | None


def expected(spec: RunSpec, engine: str | None) -> Outcome:
    """The results of training `spec` in this process on this engine, without workers, slices and faults."""
    return _expected(spec.model_dump_json(), engine or "auto")


@cache
def _expected(spec_json: str, engine: Wanted) -> Outcome:
    spec = RunSpec.model_validate_json(spec_json)
    torch.set_num_threads(1)
    events = train(spec, Corpus(CORPUS, TEXT), engine=engine)
    found = [event for event in events if isinstance(event, Evaluated)]
    return Outcome(
        tuple(
            Epoch(e.position.epoch, e.position.step, e.position.tokens, e.train_loss, e.validation_loss, e.test_loss)
            for e in found
        ),
        tuple((e.position.epoch, e.sample) for e in found if e.sample is not None),
        found[-1].checkpoint().weights_sha256(),
    )
