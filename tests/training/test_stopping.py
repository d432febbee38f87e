"""When runs are evaluated and when they end, with any engine, and that a resume does not change this."""

import itertools
from typing import Any

import numpy as np
import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.text import Corpus, prepare
from gatelab.training import Evaluated, Event, Pack, Stepped, Trainer, train
from tests.training.runs import Seen, corpus, evaluations, recorded, spec_of
from tests.training.test_resume import same_bits

SMALL: dict[str, Any] = {"num_steps": 7, "batch_size": 11, "sample": None}
MODEL: dict[str, Any] = {"cell": {"kind": "gru", "hidden": 5}}


def ended_by(text: Corpus, **training: Any) -> tuple[str | None, Evaluated]:
    *_, last = train(spec_of(MODEL, **(SMALL | training)), text)
    assert isinstance(last, Evaluated)
    return last.position.standing.ended, last


def test_what_comes_first_ends_a_run(time_machine: str) -> None:
    text = corpus(time_machine)
    why, last = ended_by(text, epochs=2)
    assert (why, last.position.epoch) == ("epochs", 2)
    why, last = ended_by(text, epochs=50, stop={"max_steps": 8})
    assert (why, last.position.step) == ("max_steps", 8)
    why, last = ended_by(text, epochs=50, stop={"max_tokens": 500})
    assert why == "max_tokens"
    assert 500 <= last.position.tokens < 500 + 77
    why, last = ended_by(text, epochs=50, stop={"max_seconds": 1e-9})
    assert (why, last.position.step) == ("max_seconds", 1)
    assert last.test_loss is not None


def test_patience_ends_a_run_that_does_not_improve(time_machine: str) -> None:
    # With this rate nothing is learned.
    optimizer = {"kind": "sgd", "lr": 1e-9}
    stop = {"patience": 3, "min_delta": 0.01}
    why, last = ended_by(corpus(time_machine), epochs=50, optimizer=optimizer, stop=stop)
    assert (why, last.position.epoch) == ("patience", 4)
    assert last.test_loss is not None


@pytest.mark.parametrize("metric", ["validation_loss", "train_loss", "bits_per_character"])
def test_a_target_ends_a_run(metric: str, time_machine: str) -> None:
    text = corpus(time_machine)
    losses = [getattr(e, metric) for e in evaluations(train(spec_of(MODEL, **SMALL, epochs=6), text))]
    why, last = ended_by(text, epochs=6, stop={"target": losses[3], "metric": metric})
    assert why == "target"
    assert getattr(last, metric) == min(losses[: last.position.epoch]) <= losses[3]


@pytest.mark.parametrize(
    ("every", "steps"),
    [
        ({"epochs": 1}, [6, 12, 18]),
        ({"epochs": 2}, [12, 18]),
        ({"steps": 4}, [4, 8, 12, 16, 18]),
        ({"steps": 100}, [18]),
        ({"tokens": 7 * 11 * 5}, [5, 11, 17, 18]),
    ],
)
def test_evaluations_come_when_they_are_asked_for(every: dict[str, int], steps: list[int], time_machine: str) -> None:
    spec = spec_of(MODEL, **SMALL, epochs=3, evaluate_every=every)
    events = list(train(spec, corpus(time_machine)))
    found = evaluations(events)
    assert [e.position.step for e in found] == steps
    assert [e.test_loss is not None for e in found] == [False] * (len(steps) - 1) + [True]
    # Evaluations do not change the training.
    plain = train(spec_of(MODEL, **SMALL, epochs=3), corpus(time_machine))
    assert [e.loss for e in events if isinstance(e, Stepped)] == [e.loss for e in plain if isinstance(e, Stepped)]
    # Every token counts in one evaluation.
    begins = [0, *steps]
    losses = [e for e in events if isinstance(e, Stepped)]
    for evaluated, (begin, end) in zip(found, itertools.pairwise(begins), strict=True):
        assert min(e.loss for e in losses[begin:end]) <= evaluated.train_loss <= max(e.loss for e in losses[begin:end])


COURSES: dict[str, dict[str, Any]] = {
    "warm-cosine": {
        "optimizer": {"kind": "adam", "lr": 0.05, "schedule": {"kind": "cosine", "warmup": 9}},
        "evaluate_every": {"steps": 4},
    },
    "plateau": {
        "optimizer": {
            "kind": "rmsprop",
            **{"lr": 0.05, "momentum": 0.5},
            "schedule": {"kind": "plateau", "patience": 1, "min_delta": 0.2},
        },
        "evaluate_every": {"tokens": 200},
        "stop": {"patience": 4, "min_delta": 0.05, "max_steps": 17},
    },
    "one-cycle": {
        "optimizer": {
            **{"kind": "sgd", "lr": 0.5, "momentum": 0.9, "nesterov": True},
            "schedule": {"kind": "one_cycle"},
        },
        "carry_state": True,
        "evaluate_every": {"steps": 5},
    },
    "decay": {
        "optimizer": {"kind": "adamw", "lr": 0.05, "weight_decay": 0.3, "decay_biases": False},
        "stop": {"patience": 2, "min_delta": 0.3},
    },
}


def course(name: str, seed: int = 0) -> Any:
    model = MODEL | {"dropout": 0.2}
    return spec_of(model, **(SMALL | {"epochs": 3, "seed": seed, "batch_size": 9} | COURSES[name]))


@pytest.mark.parametrize("engine", ["torch", "native"])
@pytest.mark.parametrize("name", COURSES)
def test_a_resume_anywhere_changes_nothing(
    name: str, engine: Any, time_machine: str, random: np.random.Generator, seed: int
) -> None:
    text, spec = corpus(time_machine), course(name, seed)
    whole = recorded(train(spec, text, engine=engine))
    evaluated = [i for i, (event, _) in enumerate(whole) if event.reported[0] == "evaluated"]
    for at in {int(random.integers(0, len(whole))), evaluated[0] - 1, *evaluated[:-1]}:
        checkpoint = Checkpoint.from_bytes(whole[at][1].to_bytes())
        again = recorded(train(spec, text, engine=engine, resume=checkpoint))[1:]
        assert [event for event, _ in again] == [event for event, _ in whole[at + 1 :]], f"resumed at event {at}"
        for (_, mine), (_, theirs) in zip(again, whole[at + 1 :], strict=True):
            same_bits(mine, theirs)


def test_the_plateau_is_cut_in_its_course(time_machine: str) -> None:
    *_, last = train(course("plateau"), corpus(time_machine))
    assert last.position.standing.cuts > 0


@pytest.mark.parametrize("name", COURSES)
def test_a_member_of_a_pack_is_itself_alone(name: str, time_machine: str) -> None:
    text, specs = corpus(time_machine), [course(name, seed) for seed in (0, 1)]
    pack = Pack({str(i): Trainer(spec, prepare(spec, text)) for i, spec in enumerate(specs)})
    together: dict[str, list[tuple[Seen, Checkpoint]]] = {"0": [], "1": []}
    for news in pack:
        for member, event in news:
            assert not isinstance(event, Exception), event
            if isinstance(event, Event):
                together[member] += recorded([event])
    for i, spec in enumerate(specs):
        alone = recorded(train(spec, text))
        assert [event for event, _ in together[str(i)]] == [event for event, _ in alone]
        same_bits(together[str(i)][-1][1], alone[-1][1])


@pytest.mark.parametrize("name", COURSES)
def test_native_trains_as_torch(name: str, time_machine: str) -> None:
    spec = course(name)
    found, expected = (evaluations(train(spec, corpus(time_machine), engine=e)) for e in ("native", "torch"))
    assert [e.position.step for e in found] == [e.position.step for e in expected]
    assert [e.learning_rate for e in found] == [e.learning_rate for e in expected]
    losses = [[e.validation_loss for e in each] for each in (found, expected)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5, rel=1e-5)
