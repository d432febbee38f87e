"""Numbers that are not finite stay so in every engine, wherever the reference has them, so divergence is visible."""

import copy
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gatelab.model import LanguageModel
from gatelab.scan.native.library import FOLDER, Library, load, runnable
from gatelab.specs import CellSpec, GruSpec, RnnSpec
from gatelab.specs.training import Precision, TrainingSpec
from gatelab.training.engines import Reading
from gatelab.training.engines.native import NativeEngine
from gatelab.training.engines.reference import TorchEngine
from tests import servers
from tests.conftest import NO_BF16
from tests.contracts import equations
from tests.contracts.weights import arrays, named, random_case
from tests.randomized import CELLS, cell_name
from tests.training.engines.comparing import differentiated, model_of, random_reading
from tests.training.members import member_of

BITS = {
    "nan": 0x7FC00000,
    # Quiet NaNs whose low bits are set: an engine that computes with a float's bits may make numbers of them.
    "nan-with-a-payload": 0x7FC00001,
    "negative-nan": 0xFFFFFFFF,
    "inf": 0x7F800000,
    "-inf": 0xFF800000,
}
NANS = [name for name in BITS if "nan" in name]
HIDDEN = [7, 33]
RELU = RnnSpec(kind="rnn", activation="relu")

precisions = pytest.mark.parametrize(
    "precision",
    ["fp32", pytest.param("bf16", marks=pytest.mark.skipif("bf16" not in load().precisions, reason=NO_BF16))],
)


def number(name: str) -> Tensor:
    """A single precision number by the name of its bits."""
    return torch.from_numpy(np.array([BITS[name]], np.uint32).view(np.float32))[0]


@dataclass(frozen=True)
class Bad:
    """A model and its input, with one number that is not finite: in the state before row `row`, or a weight."""

    model: LanguageModel
    reading: Reading
    row: int | None


def bad_state(
    cell: CellSpec, hidden: int, bad: str, random: np.random.Generator, seed: int, steps: int, layers: int = 2
) -> Bad:
    model = model_of(cell, seed, hidden=hidden, layers=layers, input={"embedding": 5})
    reading = whole_reading(random, model, steps)
    assert reading.state is not None
    row, layer = int(random.integers(5)), reading.state[int(random.integers(layers))]
    layer[int(random.integers(len(layer)))][row, int(random.integers(hidden))] = number(bad).numpy()
    return Bad(model, reading, row)


def whole_reading(random: np.random.Generator, model: LanguageModel, steps: int) -> Reading:
    """Five rows in which every token is scored, from any state."""
    reading = random_reading(random, model, rows=5, steps=steps)
    windows = replace(reading.windows, ends=reading.windows.starts + steps)
    return replace(reading, windows=windows)


def found_by(engine: NativeEngine | TorchEngine, reading: Reading) -> dict[str, Tensor]:
    """Loss, states and gradients."""
    found = differentiated(engine, {0: reading})[0]
    states = {f"state {at}.{i}": t for at, layer in enumerate(found.read.state) for i, t in enumerate(layer)}
    numbers = {"loss": np.array(found.read.loss), **states, **found.gradient}
    return {name: torch.from_numpy(array) for name, array in numbers.items()}


def natives(model: LanguageModel, precision: Precision) -> list[NativeEngine]:
    """Every build that the processor can run and that knows the precision."""
    engines = []
    for library in (Library(FOLDER / f"gatelab-{name}.so") for name in runnable()):
        if precision in library.precisions:
            engines.append(NativeEngine([member_of(model, TrainingSpec(precision=precision))]))
            engines[-1].use(library)
    assert engines
    return engines


def reference(model: LanguageModel, precision: Precision) -> TorchEngine:
    return TorchEngine([member_of(model, TrainingSpec(precision=precision))])


def not_finite(numbers: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name: (~t.isfinite()).tolist() for name, t in numbers.items()}


# -- The native engine --------------------------------------------------------------------------------------------


@precisions
@pytest.mark.parametrize("bad", NANS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_nan_in_a_state_spreads_as_in_the_reference(
    cell: CellSpec, hidden: int, bad: str, precision: Precision, random: np.random.Generator, seed: int
) -> None:
    case = bad_state(cell, hidden, bad, random, seed, steps=4)
    expected = found_by(reference(case.model, precision), case.reading)
    assert expected["loss"].isnan()
    for engine in natives(case.model, precision):
        found = found_by(engine, case.reading)
        assert not_finite(found) == not_finite(expected)


@precisions
@pytest.mark.parametrize("bad", ["inf", "-inf"])
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_an_infinite_state_makes_nothing_finite_that_is_not_so_in_the_reference(
    cell: CellSpec, hidden: int, bad: str, precision: Precision, random: np.random.Generator, seed: int
) -> None:
    # Rounding decides whether inf stays inf or becomes NaN, and tanh(inf) is 1, so this takes one step of one layer.
    case = bad_state(cell, hidden, bad, random, seed, steps=1, layers=1)
    expected = found_by(reference(case.model, precision), case.reading)
    for engine in natives(case.model, precision):
        found = found_by(engine, case.reading)
        for name, theirs in expected.items():
            assert (theirs.isfinite() | ~found[name].isfinite()).all(), name
        others = [row for row in range(5) if row != case.row]
        assert all(t[others].isfinite().all() for name, t in found.items() if name.startswith("state"))


@precisions
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_a_weight_that_is_not_finite_shows_in_the_loss(
    cell: CellSpec, precision: Precision, random: np.random.Generator, seed: int
) -> None:
    model = model_of(cell, seed, hidden=7, layers=2)
    reading = whole_reading(random, model, steps=3)
    for name, parameter in model.named_parameters():
        spoiled, bad = copy.deepcopy(model), random.choice(list(BITS))
        flat = spoiled.get_parameter(name).data.view(-1)
        flat[int(random.integers(len(flat)))] = number(bad)
        expected = found_by(reference(spoiled, precision), reading)["loss"]
        for engine in natives(spoiled, precision):
            found = found_by(engine, reading)["loss"]
            assert parameter.numel()
            assert expected.isfinite() or not found.isfinite(), (name, bad)


@precisions
@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_relu_whose_state_overflows_does_not_start_from_zero(
    hidden: int, precision: Precision, random: np.random.Generator, seed: int
) -> None:
    model = model_of(RELU, seed, hidden=hidden)
    reading = whole_reading(random, model, steps=8)
    assert reading.state is not None
    # Two units have overflowed. If only a product overflowed, the result would depend on whether it is rounded before
    # it is added, which a fused multiply-add does not do.
    reading.state[0][0][:, :2] = np.inf
    recurrent = model.get_parameter("cells.0.U").data
    recurrent[0], recurrent[1] = recurrent[0].abs() + 0.1, -recurrent[1].abs() - 0.1
    expected = found_by(reference(model, precision), reading)
    assert expected["state 0.0"].isnan().all(), "inf - inf is NaN, or this test shows nothing"
    for engine in natives(model, precision):
        found = found_by(engine, reading)
        assert found["state 0.0"].isnan().all()
        assert not found["loss"].isfinite()


@pytest.mark.parametrize("bad", BITS)
def test_relus_back_are_those_of_the_reference(bad: str, random: np.random.Generator, seed: int) -> None:
    case = bad_state(RELU, 9, bad, random, seed, steps=1, layers=1)
    expected = found_by(reference(case.model, "fp32"), case.reading)
    for engine in natives(case.model, "fp32"):
        found = found_by(engine, case.reading)
        for name, theirs in expected.items():
            assert (theirs.isfinite() | ~found[name].isfinite()).all(), name


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_a_gradient_that_is_not_a_number_leaves_no_weight_a_number(
    kind: str, random: np.random.Generator, seed: int
) -> None:
    model = model_of(GruSpec(kind="gru"), seed, hidden=7)
    training = TrainingSpec.model_validate({"optimizer": {"kind": kind, "lr": 0.1}, "clip_norm": 1.0})
    reading = whole_reading(random, model, steps=3)
    assert reading.state is not None
    reading.state[0][0][2, 3] = np.nan
    for engine in (TorchEngine, NativeEngine):
        trained = engine([member_of(model, training)])
        trained.differentiate({0: reading})
        trained.update([0])
        # Clipped by a norm that is NaN, every number of the gradient is.
        assert np.isnan(trained.flat(0)).all(), engine.name


# -- Triton, and the equations ------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)
@pytest.mark.parametrize("bad", NANS)
def test_what_is_not_a_number_is_none_in_bfloat16(bad: str) -> None:
    from gatelab.scan.triton import products

    a = torch.zeros(1, 1, 3)
    a[0, 0, 1] = number(bad)
    found = products.matmul(a, torch.ones(1, 3, 2), precision="bf16")
    assert found.isnan().all()


@pytest.mark.parametrize("bad", NANS)
@pytest.mark.parametrize("spec", CELLS, ids=cell_name)
def test_nan_spreads_as_the_equations_say(spec: CellSpec, bad: str, random: np.random.Generator) -> None:
    case = random_case(spec, random)
    case.state[0][0, 0] = torch.nan
    u = case.cell.project(case.x)[0]
    with np.errstate(all="ignore"):
        expected = equations.step(spec, named(case.cell), case.x[0].numpy(), arrays(case.state))
    found = case.cell.update(u, case.state)
    for mine, theirs in zip(found, expected.state, strict=True):
        assert mine.isnan().tolist() == np.isnan(theirs).tolist()
        assert mine[0].isnan().any()
