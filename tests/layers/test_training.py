"""Training with options around the cells: on every engine that supports them, resumed, in packs, from other runs."""

from typing import Any

import numpy as np
import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.dropout import Dropout
from gatelab.errors import InvalidInput, InvalidSpec
from gatelab.model import LanguageModel
from gatelab.scan.native.library import load
from gatelab.specs import ModelSpec, RunSpec, parse
from gatelab.specs.engine_support import lacking
from gatelab.specs.training import TrainingSpec
from gatelab.text import Corpus, prepare
from gatelab.training import Event, Pack, Trainer, train
from gatelab.training.engines import EngineName, Reading, choose_engine
from gatelab.training.engines.native import NativeEngine
from gatelab.training.engines.reference import TorchEngine
from gatelab.warm_start import Origin
from tests.conftest import NO_BF16
from tests.layers.field_models import CELLS, FIELDS, model_of, spec_of
from tests.randomized import cell_name, randomize
from tests.rounding import LOST
from tests.training.engines.comparing import check_as_near, differentiated, distances, random_reading
from tests.training.members import member_of
from tests.training.runs import corpus, recorded, untimed
from tests.training.runs import spec_of as run_of

WINDOWS: dict[str, dict[str, Any]] = {
    "whole": {"num_steps": 7, "batch_size": 11},
    "carried": {"num_steps": 7, "batch_size": 11, "carry_state": True},
}
NATIVE = {
    **{name: fields for name, fields in FIELDS.items() if not lacking("native", spec_of(name))},
    "variational": {"layers": 2, "dropout": {"layers": 0.4, "variational": True}},
    "tied, dropout": {"layers": 2, "input": {"embedding": 6}, "tied": True, "dropout": {"layers": 0.4}},
}
"""The options that the native engine supports."""


def run_spec(name: str, windows: str = "whole", seed: int = 0, **training: Any) -> RunSpec:
    model = spec_of(name).model_dump(mode="json", exclude_unset=False)
    sample = {"characters": 5, "temperature": 1}
    chosen = {"epochs": 2, "seed": seed, "sample": sample, "gate_statistics": True, **WINDOWS[windows], **training}
    return run_of(model, **{"optimizer": {"kind": "adam", "lr": 0.01}, **chosen})


def same_bits(a: Checkpoint, b: Checkpoint) -> None:
    assert (a.spec, untimed(a.position)) == (b.spec, untimed(b.position))
    for mine, theirs in ((a.weights, b.weights), (a.optimizer, b.optimizer)):
        assert mine.keys() == theirs.keys()
        assert [name for name in mine if not np.array_equal(mine[name], theirs[name])] == []
    states = [[state for layer in each.carried for state in layer] for each in (a, b)]
    assert all(np.array_equal(s, t) for s, t in zip(*states, strict=True))


@pytest.mark.parametrize("name", FIELDS)
def test_a_resumed_run_is_the_uninterrupted_one(
    name: str, time_machine: str, random: np.random.Generator, seed: int
) -> None:
    windows = str(random.choice(list(WINDOWS)))
    print(windows)
    text, spec = corpus(time_machine, 300), run_spec(name, windows, seed)
    whole = recorded(train(spec, text))
    evaluated = next(i for i, (event, _) in enumerate(whole) if event.reported[0] == "evaluated")
    for at in {int(random.integers(0, len(whole))), evaluated - 1, evaluated}:
        checkpoint = Checkpoint.from_bytes(whole[at][1].to_bytes())
        again = recorded(train(spec, text, resume=checkpoint))[1:]
        assert [event for event, _ in again] == [event for event, _ in whole[at + 1 :]], f"resumed at event {at}"
        for (_, mine), (_, theirs) in zip(again, whole[at + 1 :], strict=True):
            same_bits(mine, theirs)


@pytest.mark.parametrize("name", FIELDS)
def test_a_run_in_a_pack_is_as_it_is_alone(name: str, time_machine: str) -> None:
    text = corpus(time_machine, 300)
    of = {str(seed): run_spec(name, seed=seed, epochs=1) for seed in range(3)}
    together: dict[str, Checkpoint] = {}
    for news in Pack({seed: Trainer(spec, prepare(spec, text)) for seed, spec in of.items()}):
        for seed, event in news:
            assert not isinstance(event, Exception), event
            if isinstance(event, Event):
                together[seed] = event.checkpoint()
    for seed, spec in of.items():
        same_bits(together[seed], recorded(train(spec, text))[-1][1])


@pytest.mark.parametrize("name", FIELDS)
def test_every_parameter_learns(name: str, time_machine: str) -> None:
    """The gradient includes every option, and the loss falls."""
    text = corpus(time_machine, 300)
    whole = recorded(train(run_spec(name, epochs=3), text))
    first, last = whole[0][1].weights, whole[-1][1].weights
    assert [parameter for parameter in first if np.array_equal(first[parameter], last[parameter])] == []
    losses = [float(str(event.reported[1])) for event, _ in whole if event.reported[0] == "stepped"]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


# -- Engines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
@pytest.mark.parametrize("name", NATIVE)
def test_the_native_engine_computes_what_pytorch_does(
    name: str, cell: Any, random: np.random.Generator, seed: int
) -> None:
    spec = ModelSpec.model_validate({"cell": cell.model_copy(update={"hidden": 6}), **NATIVE[name]})
    model = model_of(name, random, cell, 0.4) if name in FIELDS else drawn(spec, random)
    model = model.float()
    reading = random_reading(random, model, 19, 8, Dropout(seed, 3) if spec.drops.masks else None)
    check_as_near(differentiated(NativeEngine([member_of(model)]), {0: reading})[0], model, reading)


def drawn(spec: ModelSpec, random: np.random.Generator) -> LanguageModel:
    model = LanguageModel(spec, 11)
    randomize(model, random, 0.4)
    return model


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.skipif("bf16" not in load().precisions, reason=NO_BF16)
def test_so_it_does_in_bfloat16(name: str, random: np.random.Generator, seed: int) -> None:
    model = drawn(ModelSpec.model_validate({"cell": {"kind": "gru", "hidden": 6}, **NATIVE[name]}), random).float()
    reading = random_reading(random, model, 9, 6, Dropout(seed, 3) if model.spec.drops.masks else None)
    training = TrainingSpec(precision="bf16")
    engines = NativeEngine([member_of(model, training)]), TorchEngine([member_of(model, training)])
    native, pytorch = (differentiated(engine, {0: reading})[0] for engine in engines)
    assert {name: far for name, far in distances(native, pytorch).items() if far > LOST} == {}


@pytest.mark.parametrize("name", FIELDS)
def test_pytorch_rounds_the_products_of_every_field(name: str, random: np.random.Generator, seed: int) -> None:
    model = model_of(name, random, size=0.4).float()
    reading = random_reading(random, model, 9, 6, Dropout(seed, 3) if model.spec.drops.masks else None)
    rounded, exact = (
        differentiated(TorchEngine([member_of(model, TrainingSpec(precision=precision))]), {0: reading})[0]
        for precision in ("bf16", "fp32")
    )
    apart = distances(rounded, exact)
    assert apart["loss"] < LOST
    assert max(apart.values()) > 0  # The losses alone can be equal.
    assert all(np.isfinite(gradient).all() for gradient in rounded.gradient.values())


def test_a_tied_gradient_is_clipped_by_its_own_norm(random: np.random.Generator) -> None:
    """Not by the norms of embedding and head separately."""
    model = model_of("tied", random, size=0.4).float()
    training = run_spec("tied", clip_norm=1e-3, optimizer={"kind": "sgd", "lr": 1.0}).training
    reading = random_reading(random, model, 5, 6)
    steps = []
    for engine in (NativeEngine([member_of(model, training)]), TorchEngine([member_of(model, training)])):
        before = {name: values.copy() for name, values in engine.parameters(0).items()}
        engine.differentiate({0: Reading(reading.windows, reading.which, reading.state)})
        engine.update([0])
        steps.append({name: engine.parameters(0)[name] - before[name] for name in before})
    lengths = [np.sqrt(sum(float(np.square(each, dtype=np.float64).sum()) for each in step.values())) for step in steps]
    assert lengths == pytest.approx([1e-3, 1e-3], rel=1e-3)
    assert np.allclose(steps[0]["embedding"], steps[1]["embedding"], atol=1e-6)


@pytest.mark.parametrize("name", FIELDS)
def test_auto_takes_pytorch_where_the_native_engine_lacks_a_field(name: str) -> None:
    spec = spec_of(name)
    missing = lacking("native", spec)
    assert choose_engine("cpu", "auto", model=spec) == ("torch" if missing else "native")
    assert choose_engine("cpu", "torch", model=spec) == "torch"
    if missing:
        with pytest.raises(
            InvalidInput, match=r"is native, but the native engine has no .*; use auto or torch"
        ) as told:
            choose_engine("cpu", "native", model=spec)
        assert all(field in str(told.value) for field in missing)


@pytest.mark.parametrize(
    ("name", "engine"), [("norm", "torch"), ("sizes", "torch"), ("tied", "native"), ("learned", "torch")]
)
def test_a_run_says_which_engine_trains_it(name: str, engine: EngineName, time_machine: str) -> None:
    started = next(iter(train(run_spec(name), Corpus("text", time_machine[2000:2300]))))
    assert getattr(started, "engine", None) == engine


# -- From other runs ----------------------------------------------------------------------------------------------


def starting(spec: RunSpec, what: str) -> RunSpec:
    start = {"run": "run-a", "checkpoint": 1, "what": what}
    return parse(RunSpec, spec.model_dump(mode="json") | {"start": start})


@pytest.mark.parametrize("name", ["tied", "sizes and norm", "highway, all"])
def test_a_fork_without_an_edit_is_the_run_itself(name: str, time_machine: str) -> None:
    text, spec = corpus(time_machine, 300), run_spec(name)
    whole = recorded(train(spec, text))
    fork = recorded(train(starting(spec, "everything"), text, start=Origin(whole[2][1])))[1:]
    assert [event for event, _ in fork] == [event for event, _ in whole[3:]]


@pytest.mark.parametrize("name", ["tied", "sizes and norm", "highway, all"])
def test_characters_that_are_new_get_rows_of_their_own(name: str, time_machine: str) -> None:
    """The options around the cells keep their weights; a tied embedding grows once."""
    text, spec = corpus(time_machine, 300), run_spec(name)
    first = recorded(train(spec, text))[-1][1]
    other = Corpus("text", text.text + "é日")
    begun, *_ = recorded(train(starting(spec, "weights"), other, start=Origin(first, same_text=False)))
    grown = begun[1].weights
    assert begun[1].tokenizer.vocabulary == first.tokenizer.vocabulary + 2
    for parameter, values in first.weights.items():
        whole = grown[parameter][tuple(slice(0, length) for length in values.shape)]
        assert np.array_equal(whole, values), parameter
    assert grown["bias_head"].shape == (begun[1].tokenizer.vocabulary,)


def test_a_model_that_is_spelled_otherwise_is_the_same(time_machine: str) -> None:
    text = corpus(time_machine, 300)
    first = recorded(train(run_of({"cell": {"kind": "gru", "hidden": 6}, "layers": 2, "dropout": 0.1}, epochs=1), text))
    sized = run_of({"sizes": [6, 6], "dropout": {"zoneout": 0.2}}, epochs=1)
    recorded(train(starting(sized, "weights"), text, start=Origin(first[-1][1])))
    other = run_of({"sizes": [6, 5]}, epochs=1)
    with pytest.raises(
        InvalidSpec, match=r"model.sizes: must be the same as in the run it starts from: None, not \[6, 5\]"
    ):
        recorded(train(starting(other, "weights"), text, start=Origin(first[-1][1])))
