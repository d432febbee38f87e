"""The contract of gates: each can be recorded and replaced by name, and the rest follows its equations."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from gatelab.cells import Cell, GateOverride, State, build
from gatelab.specs import CellSpec, GruSpec, LstmSpec
from tests.contracts import equations
from tests.contracts.weights import Case, arrays, named, random_case
from tests.randomized import CELLS, assert_close, cell_name, tensor

GATED = [spec for spec in CELLS if build(spec, 1).gates]
UPDATE = [spec for spec in GATED if isinstance(spec, GruSpec) and "update" in spec.gates]
RESET = [spec for spec in GATED if isinstance(spec, GruSpec) and "reset" in spec.gates]


def update(case: Case, state: State, gates: GateOverride | None = None) -> State:
    """One step of the cell from `state`."""
    return case.cell.update(case.cell.project(case.x)[0], state, gates)


def constant(value: float) -> Callable[[Tensor], Tensor]:
    return lambda activation: torch.full_like(activation, value)


def always(value: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda _: value


def gates_of(cell: Cell) -> set[str]:
    """The names with which an override is really called."""
    asked: set[str] = set()

    class Asking(dict[str, Callable[[Tensor], Tensor]]):
        def __contains__(self, name: object) -> bool:
            asked.add(str(name))
            return False

    [u] = cell.project(torch.zeros(1, 1, cell.inputs, dtype=torch.float64))
    cell.update(u, cell.initial_state(1), Asking(some=constant(0)))
    return asked


@pytest.mark.parametrize("spec", CELLS, ids=cell_name)
def test_the_names_of_the_gates_are_complete(spec: CellSpec, random: np.random.Generator) -> None:
    cell = random_case(spec, random).cell
    assert gates_of(cell) == set(cell.gates)
    assert len(set(cell.gates)) == len(cell.gates)


@pytest.mark.parametrize("spec", GATED, ids=cell_name)
def test_every_gate_can_be_recorded(spec: CellSpec, random: np.random.Generator) -> None:
    case = random_case(spec, random)
    seen: dict[str, Tensor] = {}

    def record(name: str) -> Callable[[Tensor], Tensor]:
        return lambda activation: seen.setdefault(name, activation)

    recorded = update(case, case.state, {name: record(name) for name in case.cell.gates})
    expected = equations.step(case.spec, named(case.cell), case.x[0].numpy(), arrays(case.state))
    assert seen.keys() == expected.gates.keys()
    for name, activation in expected.gates.items():
        assert_close(seen[name].detach().numpy(), activation)
    assert all(torch.equal(a, b) for a, b in zip(recorded, update(case, case.state), strict=True))


@pytest.mark.parametrize("spec", GATED, ids=cell_name)
def test_every_gate_can_be_replaced(spec: CellSpec, random: np.random.Generator) -> None:
    case = random_case(spec, random)
    weights = named(case.cell)
    for name in case.cell.gates:
        value = torch.from_numpy(random.uniform(size=case.state[0].shape))
        found = update(case, case.state, {name: always(value)})
        expected = equations.step(case.spec, weights, case.x[0].numpy(), arrays(case.state), {name: value.numpy()})
        assert_close(arrays(found), expected.state)
        assert not torch.equal(found[0], update(case, case.state)[0])


@pytest.mark.parametrize("spec", UPDATE, ids=cell_name)
def test_an_update_gate_of_one_keeps_the_old_state(spec: CellSpec, random: np.random.Generator) -> None:
    case = random_case(spec, random)
    (after,) = update(case, case.state, {"update": constant(1)})
    assert torch.equal(after, case.state[0])


@pytest.mark.parametrize("spec", UPDATE, ids=cell_name)
def test_an_update_gate_of_zero_takes_the_candidate(spec: CellSpec, random: np.random.Generator) -> None:
    case = random_case(spec, random)
    weights = named(case.cell)
    ungated = case.spec.model_copy(update={"gates": tuple(g for g in case.cell.gates if g != "update")})
    expected = equations.step(ungated, weights, case.x[0].numpy(), arrays(case.state))
    assert_close(arrays(update(case, case.state, {"update": constant(0)})), expected.state)


@pytest.mark.parametrize("spec", RESET, ids=cell_name)
def test_a_reset_gate_of_zero_forgets_the_old_state(spec: CellSpec, random: np.random.Generator) -> None:
    case = random_case(spec, random)
    closed = {"reset": constant(0), "update": constant(0)}
    other = (tensor(random, *case.state[0].shape),)
    assert torch.equal(update(case, case.state, closed)[0], update(case, other, closed)[0])
    opened = {"update": constant(0)}
    assert not torch.equal(update(case, case.state, opened)[0], update(case, other, opened)[0])


def test_an_lstm_with_closed_gates(random: np.random.Generator) -> None:
    case = random_case(LstmSpec(kind="lstm"), random)
    _, kept = update(case, case.state, {"input": constant(0), "forget": constant(1)})
    assert torch.equal(kept, case.state[1])
    silent, _ = update(case, case.state, {"output": constant(0)})
    assert not silent.any()
