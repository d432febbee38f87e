"""Runs of a pack have the same results as alone, whatever happens to the others."""

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.errors import Diverged, InvalidInput
from gatelab.specs import RunSpec, parse, shape_key
from gatelab.text import Corpus, prepare
from gatelab.training import Evaluated, Event, Pack, Started, Trainer, observation, train
from gatelab.training.pack import Ended, News
from tests.training.runs import Seen, corpus, recorded, seen

BASE: dict[str, Any] = {"num_steps": 7, "batch_size": 11, "epochs": 2, "optimizer": {"kind": "adam", "lr": 0.01}}
MODEL: dict[str, Any] = {"cell": {"kind": "gru", "hidden": 5}, "layers": 2, "dropout": 0.3}
WINDOWS: dict[str, dict[str, Any]] = {"shuffled": {}, "carried": {"carry_state": True}}

OWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "seed": ({"seed": 3}, {}),
    "optimizer": ({"optimizer": {"kind": "adam", "lr": 0.1, "betas": [0.5, 0.9], "eps": 1e-5}}, {}),
    "unclipped": ({"clip_norm": None}, {}),
    "longer": ({"epochs": 3, "sample": {"prefix": "th", "characters": 7, "temperature": 1}}, {}),
    "silent": ({"sample": None, "clip_norm": 0.01}, {"init": {"normal": 0.1}}),
}
"""Name -> the settings of a member that differ, in its training and in its model."""


def spec_of(name: str, **changes: Any) -> RunSpec:
    training, model = OWN[name]
    return parse(RunSpec, {"corpus": "text", "training": BASE | training | changes, "model": MODEL | model})


def specs(**changes: Any) -> dict[str, RunSpec]:
    found = {name: spec_of(name, **changes) for name in OWN}
    assert len({shape_key(spec) for spec in found.values()}) == 1, "they can be a pack"
    return found


def pack_of(of: Mapping[str, RunSpec], text: Corpus, resume: Mapping[str, Checkpoint] = {}) -> Pack:
    data = prepare(next(iter(of.values())), text)
    return Pack({name: Trainer(spec, data, resume.get(name)) for name, spec in of.items()})


Story = list[tuple[Seen, Checkpoint]]


def told(news: News) -> dict[str, Story]:
    """The events of each member, with the checkpoints that can be taken."""
    found: dict[str, Story] = {}
    for name, event in news:
        if isinstance(event, Event):
            found.setdefault(name, []).append((seen(event), event.checkpoint()))
    return found


def stories(pack: Pack) -> dict[str, Story]:
    found: dict[str, Story] = {}
    for news in pack:
        for name, story in told(news).items():
            found.setdefault(name, []).extend(story)
    return found


def assert_same(ours: Story, theirs: Story) -> None:
    assert [event for event, _ in ours] == [event for event, _ in theirs]
    for (_, a), (_, b) in zip(ours, theirs, strict=True):
        assert (a.spec, a.weights_sha256()) == (b.spec, b.weights_sha256())
        assert a.optimizer.keys() == b.optimizer.keys()
        assert all(np.array_equal(a.optimizer[name], b.optimizer[name]) for name in b.optimizer)
        assert len(a.carried) == len(b.carried)


@pytest.mark.parametrize("windows", WINDOWS)
def test_every_member_is_as_it_is_alone(windows: str, time_machine: str) -> None:
    text, of = corpus(time_machine), specs(**WINDOWS[windows])
    together = stories(pack_of(of, text))
    assert together.keys() == of.keys()
    for name, spec in of.items():
        assert_same(together[name], recorded(train(spec, text)))


@pytest.mark.parametrize("windows", WINDOWS)
def test_members_may_begin_anywhere(windows: str, time_machine: str) -> None:
    """One member is at its start, others in the middle of an epoch, before or after an evaluation, or at the end."""
    text, of = corpus(time_machine), specs(**WINDOWS[windows])
    alone = {name: recorded(train(spec, text)) for name, spec in of.items()}
    evaluated = next(i for i, (event, _) in enumerate(alone["plain"]) if event.reported[0] == "evaluated")
    begin = dict(zip(of, [0, 2, evaluated - 1, evaluated, evaluated + 1, len(alone["silent"]) - 1], strict=True))
    resume = {name: Checkpoint.from_bytes(alone[name][at][1].to_bytes()) for name, at in begin.items() if at}
    together = stories(pack_of(of, text, resume))
    for name, at in begin.items():
        assert together[name][0][0].reported[0] == "started"
        assert_same(together[name][1:], alone[name][at + 1 :])


def test_who_diverges_fails_alone(time_machine: str) -> None:
    # Every step multiplies the weights by 1 - lr * weight_decay = -9, until they overflow.
    sgd = {"kind": "sgd", "lr": 0.1}
    of = specs(optimizer=sgd) | {"plain": spec_of("plain", optimizer=sgd | {"lr": 10, "weight_decay": 1}, epochs=50)}
    text = corpus(time_machine)
    failures: dict[str, Exception] = {}
    found: dict[str, Story] = {}
    for news in pack_of(of, text):
        failures |= {name: event for name, event in news if isinstance(event, Exception)}
        # The member that diverges may have no checkpoint to take.
        for name, story in told([(name, event) for name, event in news if name != "plain"]).items():
            found.setdefault(name, []).extend(story)
    assert {name: type(error) for name, error in failures.items()} == {"plain": Diverged}
    with pytest.raises(Diverged) as alone:
        list(train(of["plain"], text))
    assert str(failures["plain"]) == str(alone.value)
    for name in of.keys() - {"plain"}:
        assert_same(found[name], recorded(train(of[name], text)))


def test_the_others_go_on_when_one_leaves(time_machine: str) -> None:
    text, of = corpus(time_machine), specs()
    pack = pack_of(of, text)
    found = told(pack.start())
    for number in range(1000):
        if number == 3:
            pack.leave("seed")
        if not pack.members:
            break
        for name, story in told(pack.round()).items():
            found[name] += story
    for name, spec in of.items():
        whole = recorded(train(spec, text))
        assert_same(found[name], whole[:4] if name == "seed" else whole)


@pytest.mark.parametrize("windows", WINDOWS)
def test_an_interrupted_round_is_computed_again(windows: str, time_machine: str) -> None:
    """In steps and in evaluations, the run is bitwise identical to the uninterrupted one."""
    text, of = corpus(time_machine), {"plain": spec_of("plain", **WINDOWS[windows])}
    pack = pack_of(of, text)
    found = told(pack.start())
    while pack.members:
        pack.interrupt()
        assert pack.round() == []
        for name, story in told(pack.round()).items():
            found[name] += story
    assert_same(found["plain"], recorded(train(of["plain"], text)))


def test_a_step_under_way_is_interrupted(time_machine: str) -> None:
    """One step would take hours, and another thread ends it."""
    long = parse(
        RunSpec,
        {
            "corpus": "text",
            "model": {"cell": {"kind": "gru", "hidden": 512}, "layers": 2},
            "training": {"num_steps": 64, "batch_size": 65536, "windows": {"stride": 1}, "epochs": 1},
        },
    )
    trainer = Trainer(long, prepare(long, Corpus("text", time_machine * 4)))
    pack = Pack({"long": trainer})
    pack.start()
    ended = threading.Event()

    def interrupt() -> None:
        while not ended.wait(0.05):
            pack.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        assert pack.round() == []
    finally:
        ended.set()
        thread.join()
    assert trainer.position.step == 0


def test_a_fault_in_a_member_s_sample_is_its_own(time_machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, of = corpus(time_machine), specs()
    pack, write = pack_of(of, text), observation.sample

    def sample(spec: RunSpec, *model: Any) -> str | None:
        if spec == of["seed"]:
            raise ZeroDivisionError
        return write(spec, *model)

    monkeypatch.setattr(observation, "sample", sample)
    events = [(name, event) for news in pack for name, event in news]
    [(name, error)] = [(name, event) for name, event in events if isinstance(event, Exception)]
    assert (name, type(error)) == ("seed", ZeroDivisionError)
    ended = {name for name, event in events if isinstance(event, Evaluated) and event.position.epoch >= 2}
    assert ended == of.keys() - {"seed"}


def test_a_pack_ends_with_its_last_member(time_machine: str) -> None:
    text, of = corpus(time_machine), specs()
    pack = pack_of(of, text)
    rounds = list(pack)
    assert {name for name, _ in rounds[-1]} == {"longer"}
    assert [name for news in rounds for name, event in news if isinstance(event, Ended)][-1] == "longer"
    assert pack.members == {}
    assert all(isinstance(event, Started) for _, event in rounds[0])


def test_the_time_of_a_call_is_shared(time_machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two members counts half of the time, so that their times add up to the total."""
    times = iter(range(1000))
    monkeypatch.setattr("gatelab.training.pack.time.perf_counter", lambda: next(times))
    text = corpus(time_machine)
    pack = pack_of({name: spec_of(name) for name in ("plain", "seed")}, text)
    [last, _] = [event for _, event in list(pack)[-1] if isinstance(event, Event)]
    assert isinstance(last, Evaluated)
    at = last.position
    assert (at.training_seconds, at.seconds) == (at.step / 2, (at.step + at.epoch) / 2)


def test_an_engine_that_is_not_there_is_refused(time_machine: str) -> None:
    with pytest.raises(InvalidInput, match=r"GATELAB_ENGINE: is triton, but .* NVIDIA GPU.*; use auto or torch"):
        next(train(spec_of("plain"), corpus(time_machine), engine="triton"))
    assert isinstance(next(train(spec_of("plain"), corpus(time_machine), engine="torch")), Started)
