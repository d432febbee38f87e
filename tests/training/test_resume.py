"""A run that is interrupted anywhere resumes with bitwise identical results."""

import itertools

import numpy as np
import pytest
import torch

from gatelab.checkpoint import Checkpoint
from gatelab.specs import CellSpec, RunSpec
from gatelab.text import Corpus
from gatelab.training import train
from tests.randomized import CELLS, cell_name
from tests.training.runs import Seen, corpus, recorded, spec_of, untimed

OPTIMIZERS: dict[str, dict[str, object]] = {
    "sgd": {"kind": "sgd", "lr": 0.5},
    "momentum": {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "adam": {"kind": "adam", "lr": 0.01},
    "adamw": {"kind": "adamw", "lr": 0.01},
}
WINDOWS: dict[str, dict[str, object]] = {
    "whole": {"num_steps": 7, "batch_size": 11},
    "carried": {"num_steps": 7, "batch_size": 11, "carry_state": True},
    "numbered": {"num_steps": 7, "batch_size": 11, "windows": {"stride": 3, "train": 40, "validation": 9}},
}
INPUTS: dict[str, object] = {"one-hot": "one_hot", "embedding": {"embedding": 4}}

# Every cell with every optimizer; windows and input alternate, so that each pair of them occurs as well.
CASES = [
    pytest.param(cell, optimizer, windows, given, id=f"{cell_name(cell)}-{optimizer}-{windows}-{given}")
    for (cell, optimizer), windows, given in zip(
        itertools.product(CELLS, OPTIMIZERS), itertools.cycle(WINDOWS), itertools.cycle(INPUTS), strict=False
    )
]


def run_spec(cell: CellSpec, optimizer: str, windows: str, given: str, seed: int) -> RunSpec:
    model = {
        "cell": cell.model_copy(update={"hidden": 5}).model_dump(),
        "layers": 2,
        "dropout": 0.3,
        "input": INPUTS[given],
    }
    sample = {"characters": 5, "temperature": 1}
    training = {"epochs": 2, "seed": seed, "sample": sample, "gate_statistics": True}
    return spec_of(model, optimizer=OPTIMIZERS[optimizer], **training, **WINDOWS[windows])


def same_bits(a: Checkpoint, b: Checkpoint) -> None:
    assert (a.spec, a.tokenizer, untimed(a.position)) == (b.spec, b.tokenizer, untimed(b.position))
    for mine, theirs in ((a.weights, b.weights), (a.optimizer, b.optimizer)):
        assert mine.keys() == theirs.keys()
        assert [name for name in mine if not np.array_equal(mine[name], theirs[name])] == []
    assert len(a.carried) == len(b.carried)
    for layer, other in zip(a.carried, b.carried, strict=True):
        assert all(np.array_equal(s, t) for s, t in zip(layer, other, strict=True))


def resumed(spec: RunSpec, text: Corpus, checkpoint: Checkpoint) -> list[tuple[Seen, Checkpoint]]:
    """The events after a resume from the bytes of `checkpoint`, without `Started`."""
    torch.rand(3)  # torch's own random numbers do not influence a run
    return recorded(train(spec, text, resume=Checkpoint.from_bytes(checkpoint.to_bytes())))[1:]


@pytest.mark.parametrize(("cell", "optimizer", "windows", "given"), CASES)
def test_a_resumed_run_is_the_uninterrupted_one(
    cell: CellSpec, optimizer: str, windows: str, given: str, time_machine: str, random: np.random.Generator, seed: int
) -> None:
    text, spec = corpus(time_machine), run_spec(cell, optimizer, windows, given, seed)
    whole = recorded(train(spec, text))
    evaluated = next(i for i, (event, _) in enumerate(whole) if event.reported[0] == "evaluated")
    for at in {int(random.integers(0, len(whole))), evaluated - 1, evaluated}:
        again = resumed(spec, text, whole[at][1])
        assert [event for event, _ in again] == [event for event, _ in whole[at + 1 :]], f"resumed at event {at}"
        for (_, mine), (_, theirs) in zip(again, whole[at + 1 :], strict=True):
            same_bits(mine, theirs)


def test_the_cases_meet_every_pair_of_windows_and_input() -> None:
    pairs = {(case.values[2], case.values[3]) for case in CASES}
    assert pairs == set(itertools.product(WINDOWS, INPUTS))


def test_a_finished_run_has_nothing_left_to_do(time_machine: str) -> None:
    text, spec = corpus(time_machine), spec_of(epochs=1)
    (*_, (_, finished)) = recorded(train(spec, text))
    assert resumed(spec, text, finished) == []


def test_a_checkpoint_does_not_change_when_the_run_goes_on(time_machine: str) -> None:
    text, spec = corpus(time_machine), spec_of(epochs=2, num_steps=7, batch_size=5, carry_state=True)
    events = train(spec, text)
    next(events)
    checkpoint = next(events).checkpoint()
    before = Checkpoint.from_bytes(checkpoint.to_bytes())
    weights = list(events)[-1].checkpoint().weights
    assert not np.array_equal(weights["weight_head"], before.weights["weight_head"])
    same_bits(checkpoint, before)


def test_a_carried_state_belongs_to_the_checkpoint(time_machine: str) -> None:
    text, spec = corpus(time_machine), spec_of(epochs=1, num_steps=7, batch_size=5, carry_state=True)
    checkpoints = [checkpoint for _, checkpoint in recorded(train(spec, text))]
    assert all(state.any() for ((state,),) in (checkpoint.carried for checkpoint in checkpoints[1:-1]))
    assert checkpoints[-1].carried == ()
