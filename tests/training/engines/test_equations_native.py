"""Cells of equations in the native engine, published and random ones, against PyTorch."""

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from gatelab.equations.zoo import zoo
from gatelab.generation import stream_of
from gatelab.generation.decoders import NativeDecoder
from gatelab.model import LanguageModel, network_of
from gatelab.scan import native
from gatelab.scan.native import build
from gatelab.scan.native.compile import code_of
from gatelab.specs import EquationsSpec, Sampling
from gatelab.text.tokenizers import SPECIALS
from gatelab.training.engines import Reading
from gatelab.training.engines.native import NativeEngine
from gatelab.training.engines.reference import TorchEngine
from tests.random_cells import TIES, random_equations
from tests.randomized import random, seed
from tests.rounding import FLIPPED, assert_rounded, terms_of
from tests.training.engines.comparing import (
    check_as_near,
    differentiated,
    distances,
    dropout,
    model_of,
    random_reading,
    random_state,
    random_windows,
)
from tests.training.engines.test_precision import found_by, needs_bf16
from tests.training.members import member_of

__all__ = ["random", "seed"]

USUAL = {"fastgrnn", "lem", "ln_lstm", "mgu", "mi_gru", "mingru", "mut3", "slstm"}
"""Published cells that together cover all special cases of the generator; the long tests compile the others."""
ZOO = [name if name in USUAL else pytest.param(name, marks=pytest.mark.long) for name in sorted(zoo())]
# hidden, rows, steps, and further options of the model.
SHAPES: list[tuple[int, int, int, dict[str, Any]]] = [
    (1, 1, 1, {}),
    (5, 3, 4, {"layers": 3, "input": {"embedding": 6}}),
    (33, 17, 7, {"layers": 2, "dropout": 0.4}),
]


def spec_of(equations: str) -> EquationsSpec:
    return EquationsSpec(kind="equations", equations=equations)


@pytest.fixture(scope="module", autouse=True)
def compiled(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compile two at a time, since a compiler has one thread. Less optimized code computes the same, sooner."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    names = {call.params.get("name") for call in calls if call} & zoo().keys()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "CELL_LEVEL", "-O1")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: code_of(zoo()[name].representation, native.load()), sorted(names)))
        yield


def alone(model: LanguageModel, threads: int = 1) -> NativeEngine:
    return NativeEngine([member_of(model)], threads=threads)


def check(model: LanguageModel, reading: Reading) -> None:
    """Check that loss, states and all gradients are as close to the exact ones as PyTorch's."""
    check_as_near(differentiated(alone(model), {0: reading})[0], model, reading)


@pytest.mark.parametrize("name", ZOO)
def test_every_published_cell_is_pytorchs(name: str, random: np.random.Generator, seed: int) -> None:
    for hidden, rows, steps, fields in SHAPES:
        model = model_of(spec_of(zoo()[name].equations), seed, hidden=hidden, **fields)
        for parameter in model.parameters():  # parameters that a cell sets itself would be the same in all units
            parameter.data += 0.1 * torch.from_numpy(random.normal(size=parameter.shape).astype(np.float32))
        print(hidden, fields)
        check(model, random_reading(random, model, rows, steps, dropout(model, 5)))


@pytest.mark.parametrize("name", ["lem", "ln_lstm", "mi_gru", "slstm", "mingru"])
def test_neither_threads_nor_a_pack_change_a_bit(
    name: str, random: np.random.Generator, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatelab.training.engines.native.LIGHT", 1)  # threads, however small the work
    models = [model_of(spec_of(zoo()[name].equations), seed + i, hidden=19, layers=2) for i in range(2)]
    readings = {i: Reading(random_windows(random, 70 + i, 6), np.arange(70 + i)) for i in range(2)}
    found = []
    for threads in (1, 2):
        found += [differentiated(alone(models[0], threads), {0: readings[0]})[0]]
        pack = NativeEngine([member_of(model) for model in models], threads=threads)
        found += [differentiated(pack, readings)[0]]
    for other in found[1:]:
        assert other.read == found[0].read
        assert all(np.array_equal(other.gradient[letter], g) for letter, g in found[0].gradient.items())


@pytest.mark.parametrize("name", ["fastgrnn", "lem", "ln_lstm", "mi_gru", "mingru", "mut3", "slstm"])
def test_the_native_decoder_predicts_what_pytorch_does(name: str, random: np.random.Generator, seed: int) -> None:
    model = model_of(spec_of(zoo()[name].equations), seed, hidden=33, layers=2, vocabulary=37)
    mine = NativeDecoder(network_of(model), threads=2)
    ids = random.integers(SPECIALS, 37, size=9, dtype=np.int64)
    logits, state = mine.predict(ids, mine.initial_state())
    double = copy.deepcopy(model).double()
    with torch.no_grad():
        expected, after = double(torch.from_numpy(ids)[:, None], double.initial_state(1))
    layers = np.array([[tensor[0].numpy() for tensor in layer] for layer in after])
    assert_rounded((logits, state), (expected[:, 0], layers), terms=terms_of(model, 9), dtype=torch.float32)
    how = Sampling(temperature=0)
    together = mine.decode([stream_of(mine, ids[:n], how) for n in range(9)], 3, logits=True)
    for n, found in enumerate(together):
        [single] = mine.decode([stream_of(mine, ids[:n], how)], 3, logits=True)
        assert np.array_equal(single.ids, found.ids)
        assert single.logits is not None
        assert found.logits is not None
        assert np.array_equal(single.logits, found.logits)


@needs_bf16
@pytest.mark.parametrize("name", ["lem", "ln_lstm", "mi_gru", "mut3"])
def test_bfloat16_is_rounded_as_by_pytorch(name: str, random: np.random.Generator, seed: int) -> None:
    shares = list[float]()
    for attempt in range(5):  # one in some hundreds has a significant number that is rounded to the other neighbour
        model = model_of(spec_of(zoo()[name].equations), seed + attempt, hidden=33, layers=2, input={"embedding": 6})
        reading = random_reading(random, model, 19, 6)
        found, expected = (found_by(engine, model, reading, "bf16") for engine in (NativeEngine, TorchEngine))
        rounded = max(distances(expected, found_by(TorchEngine, model, reading, "fp32")).values())
        shares.append(max(distances(found, expected).values()) / rounded)
    assert sorted(shares)[2] < FLIPPED


# -- Any equations ------------------------------------------------------------------------------------------------


def test_random_equations_are_pytorchs(random: np.random.Generator, seed: int) -> None:
    equations = random_equations(random)
    print(equations)
    # Without dropout, for which PyTorch's rounding is not known, and such a cell may amplify rounding errors.
    for hidden, rows, steps, fields in SHAPES[1:]:
        model = model_of(spec_of(equations), seed, hidden=hidden, **fields | {"dropout": 0.0})
        check(model, random_reading(random, model, rows, steps))


def test_at_ties_and_bounds_gradients_are_pytorchs(random: np.random.Generator, seed: int) -> None:
    model = model_of(spec_of(TIES), seed, hidden=9)
    # The argument of a relu is 0 here, as it is for PyTorch.
    windows = random_windows(random, 5, 1, carried=True)
    check(model, Reading(windows, np.arange(5), random_state(random, model, 5)))
