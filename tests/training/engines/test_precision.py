"""bfloat16: the rounded operands, and the native engine against a reference that rounds the same."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs
from torch import Tensor

from gatelab.errors import InvalidInput
from gatelab.model import LanguageModel
from gatelab.scan.native.library import FOLDER, Library, Unavailable, load, runnable
from gatelab.specs import CellSpec, GruSpec, LstmSpec, RnnSpec
from gatelab.specs.training import Precision, TrainingSpec
from gatelab.training.engines import Engine, Reading, choose_engine
from gatelab.training.engines.native import NativeEngine
from gatelab.training.engines.reference import TorchEngine
from gatelab.training.engines.rounding import RoundedProducts
from tests.conftest import NO_BF16
from tests.randomized import CLASSIC, assert_close, cell_name, random, seed, tensor
from tests.rounding import FLIPS, LOST, TURNED
from tests.training.engines.comparing import (
    Found,
    differentiated,
    distance,
    distances,
    dropout,
    model_of,
    random_reading,
    random_windows,
)
from tests.training.engines.test_native import SHAPES
from tests.training.members import member_of

__all__ = ["random", "seed"]

BF16 = TrainingSpec(precision="bf16")
needs_bf16 = pytest.mark.skipif("bf16" not in load().precisions, reason=NO_BF16)


def found_by(engine: type[Engine], model: LanguageModel, reading: Reading, precision: Precision) -> Found:
    return differentiated(engine([member_of(model, TrainingSpec(precision=precision))]), {0: reading})[0]


# -- The reference ------------------------------------------------------------------------------------------------


def rounded(x: Tensor) -> Tensor:
    return x.detach().bfloat16().to(x.dtype)


@pytest.mark.parametrize("product", [torch.matmul, Tensor.matmul, Tensor.__matmul__])
def test_products_and_their_gradients_take_rounded_operands(
    product: Callable[[Tensor, Tensor], Tensor], random: np.random.Generator
) -> None:
    a, b = tensor(random, 3, 4, 5).requires_grad_(), tensor(random, 5, 6).requires_grad_()
    d = tensor(random, 3, 4, 6)
    with RoundedProducts():
        c = product(a, b)
    torch.autograd.backward(c, d)
    assert torch.equal(c, rounded(a) @ rounded(b))
    assert not torch.equal(c, a @ b)
    assert_close((a.grad, b.grad), (rounded(d) @ rounded(b).T, torch.einsum("xyi,xyj->ij", rounded(a), rounded(d))))


def test_what_is_added_is_not_rounded(random: np.random.Generator) -> None:
    u = tensor(random, 4, 6).requires_grad_()
    h, weight, d = tensor(random, 4, 5), tensor(random, 5, 6), tensor(random, 4, 6)
    with RoundedProducts():
        sums = torch.addmm(u, h, weight)
    torch.autograd.backward(sums, d)
    assert torch.equal(sums, u + rounded(h) @ rounded(weight))
    assert u.grad is not None
    assert torch.equal(u.grad, d)


def test_products_with_what_is_exact_are_left_alone(random: np.random.Generator) -> None:
    a, b = tensor(random, 4, 5), tensor(random, 5, 6)
    with RoundedProducts(exact=[b]):
        assert torch.equal(a @ b, torch.matmul(a.detach().clone(), b))
    with RoundedProducts(exact=[a]):
        assert torch.equal(a @ b, rounded(a) @ rounded(b))


@pytest.mark.parametrize("cell", CLASSIC, ids=cell_name)
def test_a_model_differs_by_what_bfloat16_loses(cell: CellSpec, random: np.random.Generator, seed: int) -> None:
    model = model_of(cell, seed, hidden=24, layers=2, input={"embedding": 6})
    reading = Reading(random_windows(random, 30, 8), np.arange(30))
    single, brain = (found_by(TorchEngine, model, reading, precision) for precision in ("fp32", "bf16"))
    assert 1e-4 < max(distances(brain, single).values()) < farthest(cell)


def farthest(cell: CellSpec) -> float:
    """The largest difference between results whose operands are rounded, or rounded to other neighbours."""
    return TURNED if isinstance(cell, RnnSpec) and cell.activation == "relu" else LOST


# -- The native engine --------------------------------------------------------------------------------------------


@needs_bf16
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", CLASSIC, ids=cell_name)
def test_the_native_engine_rounds_as_the_reference(
    cell: CellSpec, shape: str, random: np.random.Generator, seed: int
) -> None:
    hidden, rows, steps, fields = SHAPES[shape]
    model = model_of(cell, seed, hidden=hidden, **fields)
    # No reading may differ by more than the rounding of all operands. And only one in some hundreds has a significant
    # number that is rounded to the other neighbour; three of five do with a probability of 1e-6. So the median of five,
    # which three determine, is close.
    near, far = 0, list[dict[str, float]]()
    while near < 3:
        reading = random_reading(random, model, rows, steps, dropout(model, seed))
        found, expected = (found_by(engine, model, reading, "bf16") for engine in (NativeEngine, TorchEngine))
        apart = distances(found, expected)
        assert max(apart.values()) < farthest(cell), apart
        if (worst := {name: d for name, d in apart.items() if not d < FLIPS}) == {}:
            near += 1
        else:
            far.append(worst)
        assert len(far) < 3, far
    if hidden > 1:
        single = found_by(NativeEngine, model, reading, "fp32")
        # In trials at least 0.002, with a standard deviation of 20 %.
        assert max(distance(found.gradient[name], g) for name, g in single.gradient.items()) > FLIPS / 4


@needs_bf16
def test_a_batch_with_an_odd_rest_and_an_odd_vocabulary(random: np.random.Generator, seed: int) -> None:
    model = model_of(GruSpec(kind="gru"), seed, hidden=35, layers=2, vocabulary=301)
    reading = Reading(random_windows(random, 1023, 5, vocabulary=301), np.arange(1023))
    apart = distances(*(found_by(engine, model, reading, "bf16") for engine in (NativeEngine, TorchEngine)))
    assert max(apart.values()) < FLIPS


@needs_bf16
@pytest.mark.parametrize("cell", [GruSpec(kind="gru"), LstmSpec(kind="lstm")], ids=cell_name)
def test_neither_threads_nor_neighbours_change_a_bit(
    cell: CellSpec, random: np.random.Generator, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatelab.training.engines.native.LIGHT", 1)
    models = [model_of(cell, seed + i, hidden=19, layers=2) for i in range(2)]
    readings = {i: Reading(random_windows(random, 75 + i, 6), np.arange(75 + i)) for i in range(2)}
    alone = [found_by(NativeEngine, model, readings[i], "bf16") for i, model in enumerate(models)]
    pack = NativeEngine([member_of(model, BF16) for model in models], threads=3)
    together = differentiated(pack, readings)
    for i, single in enumerate(alone):
        assert together[i].read == single.read
        assert all(np.array_equal(together[i].gradient[name], g) for name, g in single.gradient.items())


@needs_bf16
def test_a_diverged_model_says_so(random: np.random.Generator, seed: int) -> None:
    for value in (float("nan"), float("inf")):
        model = model_of(GruSpec(kind="gru"), seed, hidden=5)
        model.weight_head.data[0] = value
        reading = Reading(random_windows(random, 3, 4), np.arange(3))
        assert not np.isfinite(found_by(NativeEngine, model, reading, "bf16").read.loss)


# -- Processors without it ----------------------------------------------------------------------------------------


@pytest.fixture
def without_bf16(monkeypatch: pytest.MonkeyPatch) -> Library:
    """The best build without bfloat16 that this processor can run."""
    paths = [FOLDER / f"gatelab-{name}.so" for name in runnable()]
    library = next(library for library in map(Library, paths) if "bf16" not in library.precisions)
    monkeypatch.setattr("gatelab.training.engines.native.load", lambda: library)
    return library


def test_a_processor_without_bfloat16_trains_with_the_reference(without_bf16: Library) -> None:
    assert choose_engine("cpu", "auto", "fp32") == "native"
    with capture_logs() as logs:
        assert choose_engine("cpu", "auto", "bf16") == "torch"
    assert [entry["reason"] for entry in logs] == [
        f"the native engine has no bf16 on this processor (its build is for {without_bf16.instructions})"
    ]
    with pytest.raises(InvalidInput, match=r"GATELAB_ENGINE: is native, but .* has no bf16"):
        choose_engine("cpu", "native", "bf16")


def test_the_native_engine_refuses_what_its_build_cannot_compute(without_bf16: Library, seed: int) -> None:
    with pytest.raises(Unavailable, match="no bf16 on this processor"):
        NativeEngine([member_of(model_of(GruSpec(kind="gru"), seed), BF16)])
