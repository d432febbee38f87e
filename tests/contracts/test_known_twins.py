"""Cells that must equal another implementation: PyTorch's own layers, and each other."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gatelab.cells import Cell, build
from gatelab.scan.reference import scan
from gatelab.specs import CellSpec, GruSpec, LstmSpec, RnnSpec
from tests.contracts.weights import Case, packed, random_case
from tests.randomized import assert_close, cell_name, tensor

IN_TORCH: tuple[CellSpec, ...] = (
    RnnSpec(kind="rnn", activation="tanh"),
    RnnSpec(kind="rnn", activation="relu"),
    GruSpec(kind="gru", reset="after"),
    LstmSpec(kind="lstm"),
)


@pytest.fixture(params=IN_TORCH, ids=cell_name)
def case(request: pytest.FixtureRequest, random: np.random.Generator) -> Case:
    return random_case(request.param, random)


def torch_layer(case: Case) -> nn.RNNBase:
    """PyTorch's layer with the cell's weights. Its second bias per block is 0, except inside the reset product."""
    sizes = case.cell.inputs, case.cell.hidden
    layer: nn.RNNBase
    match case.spec:
        case RnnSpec(activation=activation):
            layer = nn.RNN(*sizes, nonlinearity=activation)
        case GruSpec():
            layer = nn.GRU(*sizes)
        case LstmSpec():
            layer = nn.LSTM(*sizes)
    own = packed(case.spec, case.cell)
    second = torch.zeros_like(own["bias"])
    if "bias_candidate" in own:
        second[-case.cell.hidden :] = own["bias_candidate"]
    weights = own["weight_input"].T, own["recurrent"].T, own["bias"], second
    layer.double().load_state_dict(dict(zip(layer.state_dict(), weights, strict=True)))
    return layer


def run_torch(layer: nn.RNNBase, case: Case) -> tuple[Tensor, ...]:
    """Outputs and last state of PyTorch's layer, whose state has a leading dimension for layers."""
    state = tuple(t[None] for t in case.state)
    outputs, last = layer(case.x, state if isinstance(layer, nn.LSTM) else state[0])
    return outputs, *(t[0] for t in (last if isinstance(layer, nn.LSTM) else (last,)))


def run_ours(case: Case) -> tuple[Tensor, ...]:
    outputs, last = scan(case.cell, case.x, case.state)
    return outputs, *last


def slopes(outputs: tuple[Tensor, ...], factors: list[Tensor], to: list[Tensor]) -> tuple[Tensor, ...]:
    """Gradients of a random weighted sum of all outputs."""
    total = torch.stack([(output * factor).sum() for output, factor in zip(outputs, factors, strict=True)]).sum()
    return torch.autograd.grad(total, to)


def test_values_are_those_of_torch(case: Case) -> None:
    assert_close(run_ours(case), run_torch(torch_layer(case), case))


def test_gradients_are_those_of_torch(case: Case, random: np.random.Generator) -> None:
    layer, cell = torch_layer(case), case.cell
    variables = [t.requires_grad_() for t in (case.x, *case.state)]
    ours, theirs = run_ours(case), run_torch(layer, case)
    factors = [tensor(random, *output.shape) for output in ours]
    found = slopes(ours, factors, [*variables, *cell.parameters()])
    expected = slopes(theirs, factors, [*variables, *layer.parameters()])
    *theirs_to_input, weight_input, weight_hidden, bias, second = expected
    gradients = copy.deepcopy(cell)
    for parameter, value in zip(gradients.parameters(), found[len(variables) :], strict=True):
        parameter.data = value
    by_name = packed(case.spec, gradients)
    mine = [*found[: len(variables)], by_name["weight_input"], by_name["bias"], by_name["recurrent"]]
    torchs = [*theirs_to_input, weight_input.T, bias, weight_hidden.T]
    if "bias_candidate" in by_name:
        mine.append(by_name["bias_candidate"])
        torchs.append(second[-cell.hidden :])
    assert_close(mine, torchs)


def with_parameters_of(other: Cell, spec: CellSpec) -> Cell:
    """A cell of `spec` with the parameters of one that has the same shapes."""
    cell = build(spec, other.inputs).double()
    for parameter, value in zip(cell.parameters(), other.parameters(), strict=True):
        parameter.data.copy_(value)
    return cell


@pytest.mark.parametrize("reset", ["before", "after"])
def test_a_gru_without_gates_is_the_tanh_rnn(reset: str, random: np.random.Generator) -> None:
    case = random_case(RnnSpec(kind="rnn"), random)
    spec = GruSpec.model_validate({"kind": "gru", "hidden": case.cell.hidden, "gates": [], "reset": reset})
    gru = with_parameters_of(case.cell, spec)
    expected, (last,) = scan(case.cell, case.x, case.state)
    found, (found_last,) = scan(gru, case.x, case.state)
    assert torch.equal(found, expected)
    assert torch.equal(found_last, last)


def test_reset_after_matters_only_with_a_reset_gate(random: np.random.Generator) -> None:
    after = random_case(GruSpec(kind="gru", gates=("update",), reset="after"), random)
    before = build(after.spec.model_copy(update={"reset": "before"}), after.cell.inputs).double()
    before.load_state_dict(after.cell.state_dict())
    assert torch.equal(scan(before, after.x, after.state)[0], scan(after.cell, after.x, after.state)[0])


def test_reset_before_and_after_are_different_models(random: np.random.Generator) -> None:
    after = random_case(GruSpec(kind="gru", reset="after"), random)
    before = build(after.spec.model_copy(update={"reset": "before"}), after.cell.inputs).double()
    before.load_state_dict(after.cell.state_dict(), strict=False)
    assert not torch.equal(scan(before, after.x, after.state)[0], scan(after.cell, after.x, after.state)[0])
