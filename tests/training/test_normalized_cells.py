"""Cells that normalize inside themselves, on every engine of a CPU: resumed, in a pack, and in bfloat16."""

import copy

import numpy as np
import pytest
import torch

from gatelab.checkpoint import Checkpoint
from gatelab.specs import RunSpec
from gatelab.specs.training import TrainingSpec
from gatelab.text import Corpus, prepare
from gatelab.training import Event, Pack, Trainer, train
from gatelab.training.engines import EngineName
from gatelab.training.engines.reference import TorchEngine
from tests.randomized import random, seed
from tests.rounding import LOST
from tests.training.engines.comparing import differentiated, distances, model_of, random_reading
from tests.training.members import member_of
from tests.training.runs import corpus, recorded, spec_of, untimed

__all__ = ["random", "seed"]

ENGINES: tuple[EngineName, ...] = ("torch", "native")
each_engine = pytest.mark.parametrize("engine", ENGINES)
MODEL: dict[str, object] = {"cell": {"kind": "ln_gru", "hidden": 6}, "layers": 2, "dropout": 0.2}


def run_of(seed: int, **training: object) -> RunSpec:
    usual = {"epochs": 2, "num_steps": 7, "batch_size": 11, "carry_state": True, "gate_statistics": True}
    return spec_of(MODEL, optimizer={"kind": "adam", "lr": 0.01}, seed=seed, **usual | training)


def assert_same_bits(a: Checkpoint, b: Checkpoint) -> None:
    assert untimed(a.position) == untimed(b.position)
    for mine, theirs in ((a.weights, b.weights), (a.optimizer, b.optimizer)):
        assert mine.keys() == theirs.keys()
        assert [name for name in mine if not np.array_equal(mine[name], theirs[name])] == []


def text_of(time_machine: str) -> Corpus:
    return corpus(time_machine, 300)


@each_engine
def test_a_resumed_run_is_the_uninterrupted_one(
    engine: EngineName, time_machine: str, random: np.random.Generator, seed: int
) -> None:
    text, spec = text_of(time_machine), run_of(seed)
    whole = recorded(train(spec, text, engine=engine))
    at = int(random.integers(0, len(whole)))
    checkpoint = Checkpoint.from_bytes(whole[at][1].to_bytes())
    again = recorded(train(spec, text, engine=engine, resume=checkpoint))[1:]
    assert [event for event, _ in again] == [event for event, _ in whole[at + 1 :]], f"resumed at event {at}"
    for (_, mine), (_, theirs) in zip(again, whole[at + 1 :], strict=True):
        assert_same_bits(mine, theirs)


@each_engine
def test_a_run_in_a_pack_is_as_it_is_alone(engine: EngineName, time_machine: str) -> None:
    text, of = text_of(time_machine), {str(number): run_of(number, epochs=1) for number in range(3)}
    together: dict[str, Checkpoint] = {}
    for news in Pack({name: Trainer(spec, prepare(spec, text)) for name, spec in of.items()}, engine=engine):
        for name, event in news:
            assert not isinstance(event, Exception), event
            if isinstance(event, Event):
                together[name] = event.checkpoint()
    for name, spec in of.items():
        assert_same_bits(together[name], recorded(train(spec, text, engine=engine))[-1][1])


@each_engine
def test_every_parameter_learns(engine: EngineName, time_machine: str) -> None:
    whole = recorded(train(run_of(3, epochs=3), text_of(time_machine), engine=engine))
    first, last = whole[0][1].weights, whole[-1][1].weights
    assert [name for name in first if np.array_equal(first[name], last[name])] == []
    assert (first["cells.0.p_z"] == 1).all(), "gains begin at 1"
    losses = [float(str(event.reported[1])) for event, _ in whole if event.reported[0] == "stepped"]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


def test_bfloat16_rounds_the_products_and_not_the_means(random: np.random.Generator, seed: int) -> None:
    """Subtracting the mean removes a number that all units share, which it would not if the mean were rounded."""
    model = model_of(run_of(0).model.cell, seed, hidden=6)
    shifted = copy.deepcopy(model)
    for letter in ("W_z", "W_r"):
        shifted.cell(0).get_parameter(letter).data += 64.0
    reading = random_reading(random, model, 9, 6)
    in_bf16, plain = (TorchEngine([member_of(m, TrainingSpec(precision="bf16"))]) for m in (shifted, model))
    found, expected = (differentiated(engine, {0: reading})[0] for engine in (in_bf16, plain))
    assert torch.isfinite(torch.tensor(found.read.loss))
    assert found.read.loss == pytest.approx(expected.read.loss, rel=LOST)
    assert max(distances(found, expected).values()) < LOST
