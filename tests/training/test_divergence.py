"""A checkpoint never contains a number that is not finite, whatever engine made it."""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gatelab.checkpoint import Position
from gatelab.errors import Diverged, GatelabError, InvalidRequest
from gatelab.specs import RunSpec
from gatelab.text import prepare
from gatelab.training import Evaluated, Event, Pack, Stepped, Trainer, observation, train
from gatelab.training.engines import EngineName
from gatelab.training.observation import observe
from tests.training.runs import corpus, spec_of

ENGINES: list[EngineName] = ["native", "torch"]
GROWING: dict[str, Any] = {
    # Every step multiplies the weights by 1 - lr * weight_decay = -9999: the tenth overflows.
    "optimizer": {"kind": "adamw", "lr": 1000, "weight_decay": 10},
    "num_steps": 8,
    "batch_size": 4,
    "epochs": 1,
}


def seen_by(spec: RunSpec, text: str, engine: EngineName) -> tuple[list[Event], list[bool], Diverged]:
    """The events of a run that diverges, whether each had a checkpoint, and how it ended."""
    events, whole = [], []
    with pytest.raises(Diverged) as diverged:  # noqa: PT012 - the run goes on between its events
        for event in train(spec, corpus(text, 2000), engine=engine):
            events.append(event)
            try:
                captured = event.checkpoint()
            except Diverged:
                whole.append(False)
            else:
                whole.append(True)
                assert captured.not_finite() is None
    return events, whole, diverged.value


@pytest.mark.parametrize("engine", ENGINES)
def test_a_step_that_breaks_the_weights_leaves_no_checkpoint(engine: EngineName, time_machine: str) -> None:
    events, whole, diverged = seen_by(spec_of(**GROWING), time_machine, engine)
    broken = whole.index(False)
    last = events[broken]
    assert isinstance(last, Stepped), "the weights break in a step whose loss was finite, or this test shows nothing"
    assert math.isfinite(last.loss)
    assert last.position.step == 10
    assert all(whole[:broken])
    assert "at step 11 (epoch 1)" in str(diverged)


def test_a_run_does_not_go_on_from_a_checkpoint_that_is_not_finite(time_machine: str) -> None:
    spec, text = spec_of(num_steps=8, batch_size=4), corpus(time_machine, 2000)
    sound = replace(next(train(spec, text)).checkpoint(), position=Position(step=10, batch=10))
    bad = {"bad": np.array([0, -math.inf], np.float32)}
    assert next(train(spec, text, resume=sound)).position.step == 10
    for spoiled in (replace(sound, weights=bad), replace(sound, optimizer=bad)):
        with pytest.raises(Diverged, match=r"^(weights|optimizer)\.bad is not finite at step 10 \(epoch 1\)$"):
            next(train(spec, text, resume=spoiled))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_optimizer_that_overflows_leaves_no_checkpoint(engine: EngineName, time_machine: str) -> None:
    spec = spec_of(num_steps=8, batch_size=4, epochs=1)
    trainer = Trainer(spec, prepare(spec, corpus(time_machine, 2000)))
    pack = Pack({"": trainer}, engine=engine)
    pack.start()
    [(_, event)] = pack.round()
    assert isinstance(event, Stepped)
    state = trainer.engine.optimizer_state(0)
    state["1.exp_avg_sq"].reshape(-1)[-1] = math.inf
    trainer.engine.restore_optimizer(0, state)
    with pytest.raises(Diverged, match=r"^optimizer\.1\.exp_avg_sq is not finite at step 1 \(epoch 1\)$"):
        event.checkpoint()


def test_a_carried_state_that_overflows_leaves_no_checkpoint(time_machine: str) -> None:
    spec = spec_of({"cell": {"kind": "lstm", "hidden": 4}}, num_steps=8, batch_size=4, carry_state=True)
    trainer = Trainer(spec, prepare(spec, corpus(time_machine, 2000)))
    pack = Pack({"": trainer})
    pack.start()
    [(_, event)] = pack.round()
    assert isinstance(event, Stepped)
    trainer.carried[0][1][2, 3] = -math.inf  # the cell's output would still be a number
    with pytest.raises(Diverged, match=r"^carried\.0\.1 is not finite at step 1 \(epoch 1\)$"):
        event.checkpoint()


@pytest.mark.parametrize(
    ("losses", "message"), [([math.nan, 1.0], "validation loss is nan"), ([1.0, math.inf], "test loss is inf")]
)
def test_every_loss_of_an_evaluation_is_checked(losses: list[float], message: str, time_machine: str) -> None:
    trainer, _ = at_the_end(time_machine)
    diverged = trainer.divergence(losses)
    seen = observe(trainer.spec, trainer.data, trainer.network(), 40, sound=diverged is None)
    evaluated = trainer.evaluated(losses, seen, 0.0)
    assert (evaluated.validation_loss, evaluated.test_loss) == pytest.approx(tuple(losses), nan_ok=True)
    assert evaluated.sample is None, "there is no text of a model that has diverged"
    assert re.match(rf"^the {message} at step 40 \(epoch 1\)", str(diverged))
    assert diverged is not None
    assert (diverged.step, diverged.epoch) == (40, 1)


def test_weights_that_no_text_reads_are_checked_at_evaluations(time_machine: str) -> None:
    trainer, _ = at_the_end(time_machine)
    # `<unk>` does not occur in the text, so no loss can show it.
    trainer.weights["cells.0.W_c"][0, 0] = math.nan
    diverged = trainer.divergence([1.0, 1.0])
    assert re.fullmatch(r"weights\.cells\.0\.W_c is not finite at step 40 \(epoch 1\)$", str(diverged))


def test_a_model_that_cannot_write_is_evaluated_all_the_same(
    time_machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise InvalidRequest.at("", "no number to choose by")

    monkeypatch.setattr(observation, "sample", refuse)
    _, pack = at_the_end(time_machine)
    [(_, evaluated), (_, error)] = pack.round()
    assert isinstance(evaluated, Evaluated)
    assert evaluated.sample is None
    assert isinstance(error, GatelabError)


def at_the_end(text: str) -> tuple[Trainer, Pack]:
    """A run that has read everything and is about to be evaluated."""
    spec = spec_of(num_steps=8, batch_size=5, epochs=1)
    trainer = Trainer(spec, prepare(spec, corpus(text, 2000)))
    pack = Pack({"": trainer})
    pack.start()
    while not trainer.evaluation_due:
        pack.round()
    return trainer, pack
