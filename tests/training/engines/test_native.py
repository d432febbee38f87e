"""The native engine against the reference: every cell, odd sizes, any state; and the same bits however it is run."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from gatelab.errors import InvalidInput
from gatelab.model import LanguageModel
from gatelab.scan import native
from gatelab.specs import CellSpec, GruSpec
from gatelab.specs.training import TrainingSpec
from gatelab.text.windows import Windows
from gatelab.training.engines import Reading
from gatelab.training.engines.base import Array, State
from gatelab.training.engines.native import NativeEngine
from gatelab.training.engines.reference import TorchEngine
from tests.randomized import CLASSIC, cell_name, random, seed, seeds
from tests.rounding import assert_as_near, assert_rounded, gradient_terms, terms_of
from tests.training.engines.comparing import (
    check_as_near,
    differentiated,
    distances,
    dropout,
    model_of,
    random_reading,
    random_windows,
    reference,
)
from tests.training.members import PLAIN, member_of

__all__ = ["random", "seed"]

# hidden, rows, steps, and further options of the model.
SHAPES: dict[str, tuple[int, int, int, dict[str, Any]]] = {
    "one-of-each": (1, 1, 1, {}),
    "odd": (7, 5, 9, {"input": {"embedding": 6}}),
    "more-than-vectors": (33, 19, 6, {"layers": 2, "dropout": 0.4}),
    "deep": (16, 37, 20, {"layers": 3, "input": {"embedding": 21}, "dropout": 0.2}),
    "book": (32, 64, 32, {}),
}


def alone(model: LanguageModel, training: TrainingSpec = PLAIN, threads: int = 1) -> NativeEngine:
    return NativeEngine([member_of(model, training)], threads=threads)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", CLASSIC, ids=cell_name)
def test_losses_states_and_gradients_are_the_references(
    cell: CellSpec, shape: str, random: np.random.Generator, seed: int
) -> None:
    hidden, rows, steps, fields = SHAPES[shape]
    model = model_of(cell, seed, hidden=hidden, **fields)
    reading = random_reading(random, model, rows, steps, dropout(model, seed))
    found = differentiated(alone(model), {0: reading})[0]
    expected = reference(model, reading)
    torchs = distances(reference(model, reading, torch.float32), expected)
    assert_as_near(distances(found, expected), torchs)
    assert found.read.tokens == expected.read.tokens


@pytest.mark.parametrize("cell", CLASSIC, ids=cell_name)
def test_large_weights_are_as_far_from_the_truth_as_with_torch(
    cell: CellSpec, random: np.random.Generator, seed: int
) -> None:
    # Such a network is chaotic, so rounding errors grow from step to step, also in PyTorch: four steps can be compared.
    model = model_of(cell, seed, hidden=33, init={"normal": 0.6})
    reading = random_reading(random, model, 23, 4)
    truth = reference(model, reading)
    mine = distances(differentiated(alone(model), {0: reading})[0], truth)
    torchs = distances(reference(model, reading, torch.float32), truth)
    assert_as_near(mine, dict.fromkeys(mine, max(torchs.values())))


def test_a_batch_of_many_tiles_with_a_rest(random: np.random.Generator, seed: int) -> None:
    model = model_of(GruSpec(kind="gru"), seed, hidden=8)
    reading = Reading(random_windows(random, 1023, 5), np.arange(1023))
    check_as_near(differentiated(alone(model), {0: reading})[0], model, reading)


@pytest.mark.parametrize("vocabulary", [1, 16, 300])
def test_any_vocabulary(vocabulary: int, random: np.random.Generator, seed: int) -> None:
    model = model_of(GruSpec(kind="gru", reset="after"), seed, hidden=9, vocabulary=vocabulary)
    reading = Reading(random_windows(random, 21, 15, vocabulary=vocabulary), np.arange(21))
    found = differentiated(alone(model), {0: reading})[0]
    if vocabulary == 1:  # its only token is certain
        assert found.read.loss == 0
        assert not any(g.any() for g in found.gradient.values())
    else:
        check_as_near(found, model, reading)


def test_a_reading_without_a_gradient_is_the_same(random: np.random.Generator, seed: int) -> None:
    for cell in CLASSIC:
        model = model_of(cell, seed, hidden=17, layers=2)
        reading = random_reading(random, model, 20, 7)
        engine = alone(model)
        read, differentiated = engine.read({0: reading})[0], engine.differentiate({0: reading})[0]
        assert read.tokens == differentiated.tokens
        terms = terms_of(model, 7)
        assert_rounded(flat(read.state), flat(differentiated.state), terms=terms)
        assert_rounded(read.loss, differentiated.loss, terms=terms + read.tokens, dtype=torch.float32)


def flat(state: State) -> Array:
    return np.concatenate([t.reshape(-1) for layer in state for t in layer])


# -- The same bits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CLASSIC, ids=cell_name)
def test_the_number_of_threads_changes_no_bit(
    cell: CellSpec, random: np.random.Generator, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatelab.training.engines.native.LIGHT", 1)  # threads, however small the work
    model = model_of(cell, seed, hidden=19, layers=2, input={"embedding": 7})
    reading = Reading(random_windows(random, 150, 6), np.arange(150))
    found = [differentiated(alone(model, threads=threads), {0: reading})[0] for threads in (1, 2, 3, 7)]
    for other in found[1:]:
        assert other.read == found[0].read
        assert all(np.array_equal(other.gradient[name], g) for name, g in found[0].gradient.items())


@pytest.mark.parametrize("cell", CLASSIC, ids=cell_name)
def test_a_member_of_a_pack_is_itself_alone(cell: CellSpec, random: np.random.Generator, seed: int) -> None:
    models = [model_of(cell, seed + i, hidden=9, layers=2) for i in range(3)]
    trainings = [
        TrainingSpec.model_validate({"optimizer": {"kind": "adam", "lr": 0.01 * (i + 1)}, "clip_norm": 0.1 * (i + 1)})
        for i in range(3)
    ]
    pack = NativeEngine([member_of(m, t) for m, t in zip(models, trainings, strict=True)])
    singles = [alone(m, t) for m, t in zip(models, trainings, strict=True)]
    for step in range(3):
        # Members read different numbers of rows, and the second is missing once.
        readings = {
            i: Reading(random_windows(random, 5 + 7 * i + step, 6), np.arange(5 + 7 * i + step))
            for i in range(3)
            if (i, step) != (1, 1)
        }
        together = pack.differentiate(readings)
        pack.update(list(readings))
        for i, reading in readings.items():
            assert singles[i].differentiate({0: reading})[0] == together[i]
            singles[i].update([0])
    for i, single in enumerate(singles):
        mine, theirs = pack.parameters(i), single.parameters(0)
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


# -- Optimizers ---------------------------------------------------------------------------------------------------

OPTIMIZERS: list[dict[str, object]] = [
    {"kind": "sgd", "lr": 0.3},
    {"kind": "sgd", "lr": 0.3, "momentum": 0.9, "weight_decay": 0.02},
    {"kind": "adam", "lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-3},
    {"kind": "adamw", "lr": 0.01, "weight_decay": 0.1, "eps": 2e-3},
    {"kind": "sgd", "lr": 0.3, "momentum": 0.9, "nesterov": True},
    {"kind": "rmsprop", "lr": 0.01, "eps": 1e-2},
    {"kind": "rmsprop", "lr": 0.01, "eps": 1e-2, "alpha": 0.9, "momentum": 0.5, "weight_decay": 0.02},
    {"kind": "adamw", "lr": 0.01, "weight_decay": 0.1, "eps": 2e-3, "decay_biases": False},
]
"""Adam divides a gradient by its size. A gradient that is nearly 0 and only rounding error would move a weight by the
whole rate, without an eps that is large compared with the rounding error."""


@seeds(3037149237)
@pytest.mark.parametrize("clip_norm", [None, 0.05, 100.0])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: "-".join(optimizer))
def test_optimizers_step_as_torchs(
    optimizer: dict[str, object], clip_norm: float | None, random: np.random.Generator, seed: int
) -> None:
    model = model_of(GruSpec(kind="gru"), seed, hidden=6)
    training = TrainingSpec.model_validate({"optimizer": optimizer, "clip_norm": clip_norm})
    mine, torchs = alone(model, training), TorchEngine([member_of(copy.deepcopy(model).double(), training)])
    for step in range(6):
        readings = {0: Reading(random_windows(random, 8, 5), np.arange(8))}
        for engine in (mine, torchs):
            engine.differentiate(readings)
            engine.update([0])
        if step == 2:  # one engine continues from the optimizer state of the other
            before = mine.optimizer_state(0)
            torchs_state = torchs.optimizer_state(0)
            assert {name: t.shape for name, t in before.items()} == {name: t.shape for name, t in torchs_state.items()}
            mine.restore_optimizer(0, torchs_state)
            torchs.restore_optimizer(0, before)
    found, expected = mine.parameters(0), torchs.parameters(0)
    assert_rounded(found, expected, terms=6 * gradient_terms(model, steps=5, rows=8))


# -- What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"starts": [-1]}, "starts, ends"),
        ({"ends": [40]}, "starts, ends"),
        ({"starts": [9], "ends": [8]}, "steps"),
        ({"ids": [99] * 40}, "not in the vocabulary"),
        ({"ids": [-1] * 40}, "not in the vocabulary"),
    ],
)
def test_windows_outside_the_text_are_refused(change: dict[str, list[int]], message: str, seed: int) -> None:
    engine = alone(model_of(GruSpec(kind="gru"), seed, hidden=5))
    arrays = {"ids": [1] * 40, "starts": [3], "ends": [8]} | change
    ids, starts, ends = (np.array(arrays[name], dtype=np.int64) for name in ("ids", "starts", "ends"))
    with pytest.raises(InvalidInput, match=message):
        engine.read({0: Reading(Windows(ids, starts, ends, 5, 1, carried=False), np.arange(1))})


def test_a_diverged_model_says_so(random: np.random.Generator, seed: int) -> None:
    for value in (float("nan"), float("inf")):
        model = model_of(GruSpec(kind="gru"), seed, hidden=5)
        model.bias_head.data[0] = value
        read = alone(model).differentiate({0: Reading(random_windows(random, 3, 4), np.arange(3))})[0]
        assert not np.isfinite(read.loss)


def test_the_ceiling_is_measured() -> None:
    # Its value depends on the processor and on other programs; the benchmarks print it.
    assert 0 < native.load().peak("fp32", 1, 0.02) < 1e15


def test_every_build_that_the_processor_can_run_agrees(random: np.random.Generator, seed: int) -> None:
    from gatelab.scan.native.library import FOLDER, Library, runnable

    paths = [FOLDER / f"gatelab-{name}.so" for name in runnable()]
    assert paths, "the processors that this runs on have a build"
    model = model_of(GruSpec(kind="gru", reset="after"), seed, hidden=21, layers=2)
    reading = Reading(random_windows(random, 30, 10), np.arange(30))
    for path in paths:
        print(path.name)
        engine = alone(model)
        engine.use(Library(path))
        check_as_near(differentiated(engine, {0: reading})[0], model, reading)
