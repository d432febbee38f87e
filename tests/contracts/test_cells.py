"""The contract of all cells: every variant equals its equations, however it is applied."""

from typing import Literal, get_args, get_origin

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gatelab.cells import State
from gatelab.scan.reference import scan
from gatelab.specs import CellSpec, GruSpec
from gatelab.specs.cells import PublishedSpec
from tests.contracts import equations
from tests.contracts.weights import Case, arrays, named, random_case
from tests.randomized import CELLS, assert_close, cell_name, tensor
from tests.rounding import Kinks


@pytest.fixture(params=CELLS, ids=cell_name)
def case(request: pytest.FixtureRequest, random: np.random.Generator) -> Case:
    return random_case(request.param, random)


def outputs_of(case: Case, x: Tensor, state: State) -> tuple[Tensor, ...]:
    """The outputs and the last state, in one flat tuple."""
    outputs, last = scan(case.cell, x, state)
    return outputs, *last


# -- Nothing is left out ------------------------------------------------------------------------------------------


def test_every_kind_of_cell_is_in_this_suite() -> None:
    union, _ = get_args(CellSpec)
    written_out = {kind for kind in get_args(union) if not isinstance(kind, type)}
    assert {get_args(kind)[0] for kind in written_out} == {PublishedSpec}
    assert {type(spec) for spec in CELLS} == set(get_args(union)) - written_out


def test_every_choice_of_every_cell_is_in_this_suite() -> None:
    for kind in {type(spec) for spec in CELLS}:
        for name, field in kind.model_fields.items():
            if get_origin(field.annotation) is Literal:
                tested = {getattr(spec, name) for spec in CELLS if type(spec) is kind}
                assert tested == set(get_args(field.annotation)), f"{kind.__name__}.{name}"


def test_every_subset_of_gates_is_in_this_suite() -> None:
    assert len({(spec.gates, spec.reset) for spec in CELLS if isinstance(spec, GruSpec)}) == 2**2 * 2


# -- The equations ------------------------------------------------------------------------------------------------


def test_update_is_the_equations(case: Case) -> None:
    expected = equations.step(case.spec, named(case.cell), case.x[0].numpy(), arrays(case.state))
    found = case.cell.update(case.cell.project(case.x)[0], case.state)
    assert_close(arrays(found), expected.state)


def test_scan_is_the_equations(case: Case) -> None:
    outputs, last = equations.scan(case.spec, named(case.cell), case.x.numpy(), arrays(case.state))
    assert_close(outputs_of(case, case.x, case.state), (outputs, *last))


def test_the_initial_state_is_zero(case: Case) -> None:
    state = case.cell.initial_state(3)
    assert [t.shape for t in state] == [(3, case.cell.hidden)] * len(case.cell.states)
    assert all(t.dtype == torch.float64 and not t.any() for t in state)


# -- The scan -----------------------------------------------------------------------------------------------------


def test_scan_is_repeated_update(case: Case) -> None:
    outputs, state = [], case.state
    for u in case.cell.project(case.x):
        state = case.cell.update(u, state)
        outputs.append(state[0])
    assert_close(outputs_of(case, case.x, case.state), (torch.stack(outputs), *state))


def in_pieces(case: Case, lengths: list[int]) -> tuple[Tensor, ...]:
    outputs, state = [], case.state
    for piece in torch.split(case.x, lengths):
        output, state = scan(case.cell, piece, state)
        outputs.append(output)
    return torch.cat(outputs), *state


def test_a_scan_in_pieces_is_the_whole(case: Case, random: np.random.Generator) -> None:
    steps = len(case.x)
    cut = int(random.integers(1, steps))
    whole = outputs_of(case, case.x, case.state)
    for lengths in ([cut, steps - cut], [0, steps], [cut, 0, steps - cut], [steps, 0], [1] * steps):
        assert_close(in_pieces(case, lengths), whole)


def test_a_scan_of_nothing_keeps_the_state(case: Case) -> None:
    outputs, last = scan(case.cell, case.x[:0], case.state)
    assert outputs.shape == (0, *case.state[0].shape)
    assert outputs.dtype == torch.float64
    assert all(torch.equal(a, b) for a, b in zip(last, case.state, strict=True))


def test_sequences_of_a_batch_do_not_touch_each_other(case: Case, random: np.random.Generator) -> None:
    row = int(random.integers(case.x.shape[1]))
    alone = outputs_of(case, case.x[:, [row]], tuple(t[[row]] for t in case.state))
    outputs, *last = outputs_of(case, case.x, case.state)
    assert_close(alone, (outputs[:, [row]], *(t[[row]] for t in last)))


# -- Gradients ----------------------------------------------------------------------------------------------------


def variables(case: Case) -> tuple[Tensor, ...]:
    """Everything that gradients flow to: input, state and parameters."""
    return tuple(t.requires_grad_() for t in (case.x, *case.state, *case.cell.parameters()))


def smooth_case(spec: CellSpec, random: np.random.Generator) -> Case:
    """A case without a relu that the small differences of gradcheck could turn."""
    while True:
        case = random_case(spec, random, largest=3)
        with Kinks() as kinks:
            outputs_of(case, case.x, case.state)
        if kinks.nearest > 0.01:
            return case


@pytest.mark.parametrize("spec", CELLS, ids=cell_name)
def test_gradients_are_the_slopes_of_the_scan(spec: CellSpec, random: np.random.Generator) -> None:
    case = smooth_case(spec, random)
    # gradcheck varies its arguments in place, and the scan sees this; otherwise all slopes would be 0.
    assert torch.autograd.gradcheck(lambda *_: outputs_of(case, case.x, case.state), variables(case))


def test_ids_are_one_hot_rows(case: Case, random: np.random.Generator) -> None:
    steps, batch, inputs = case.x.shape
    ids = torch.from_numpy(random.integers(0, inputs, size=(steps, batch)))
    rows = one_hot(ids, inputs).double()
    by_id, by_row = outputs_of(case, ids, case.state), outputs_of(case, rows, case.state)
    assert_close(by_id, by_row)
    factor = tensor(random, *by_id[0].shape)
    slopes = [
        torch.autograd.grad((outputs[0] * factor).sum(), tuple(case.cell.parameters())) for outputs in (by_id, by_row)
    ]
    assert_close(*slopes)
