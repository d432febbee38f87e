"""Means over the units: the results of cells that normalize, and that other cells stay as they were."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from gatelab.cells import Cell
from gatelab.costs.cells import of_equations
from gatelab.equations import read
from gatelab.equations.zoo import zoo
from gatelab.scan.reference import scan
from gatelab.specs import EquationsSpec
from tests.contracts import equations
from tests.contracts.weights import arrays, named
from tests.randomized import assert_close, random_states, randomize, tensor

NORMALIZED = """
vector gain = 1
vector shift = 0
a = W @ x + U @ h
c = a - mean(a)
h' = gain * c / sqrt(mean(c * c) + 0.00001) + shift
"""


def cell_of(text: str, random: np.random.Generator, inputs: int = 4, hidden: int = 5) -> Cell:
    cell = Cell(read(text), inputs, hidden)
    randomize(cell, random)
    return cell


def test_a_normalized_layer_is_pytorchs_with_its_gradients(random: np.random.Generator) -> None:
    cell, x = cell_of(NORMALIZED, random), tensor(random, 6, 3, 4)
    w = {name: value.detach().clone().requires_grad_() for name, value in cell.named_parameters()}
    (start,) = random_states(random, cell.states, 3, 5)
    h, outputs = start, list[Tensor]()
    for x_t in x:
        h = layer_norm(x_t @ w["W"] + h @ w["U"], (5,), w["gain"], w["shift"], eps=0.00001)
        outputs.append(h)
    expected, (found, _) = torch.stack(outputs), scan(cell, x, (start,))
    assert_close(found, expected)
    factors = tensor(random, *expected.shape)
    slopes = torch.autograd.grad((found * factors).sum(), list(cell.parameters()))
    of_pytorch = torch.autograd.grad((expected * factors).sum(), [w[name] for name, _ in cell.named_parameters()])
    assert_close(slopes, of_pytorch)


@pytest.mark.parametrize("name", ["ln_lstm", "ln_gru"])
def test_the_published_cells_are_what_their_paper_says(name: str, random: np.random.Generator) -> None:
    text = zoo()[name].equations
    cell, x = cell_of(text, random), tensor(random, 6, 3, 4)
    state = random_states(random, cell.states, 3, 5)
    spec = EquationsSpec(kind="equations", name=name, equations=text)
    assert_close(scan(cell, x, state), equations.scan(spec, named(cell), x.numpy(), arrays(state)))


def test_a_mean_is_over_the_units_of_each_sequence_alone(random: np.random.Generator) -> None:
    cell, x = cell_of("h' = W @ x - mean(W @ x) + 0 * h", random), tensor(random, 1, 3, 4)
    (after,) = cell.update(cell.project(x)[0], cell.double().initial_state(3))
    read_by_each = x[0] @ cell.get_parameter("W")
    assert_close(after, read_by_each - read_by_each.sum(dim=1, keepdim=True) / 5)


@pytest.mark.parametrize("hidden", [1, 2, 7])
def test_a_mean_of_parameters_is_one_number(hidden: int, random: np.random.Generator) -> None:
    cell = cell_of("vector p\nh' = W @ x + 0 * h + mean(p)", random, hidden=hidden)
    p = cell.get_parameter("p")
    (after,) = cell.update(cell.project(tensor(random, 1, 3, 4) * 0)[0], cell.initial_state(3))
    assert_close(after, (p.sum() / hidden).expand(3, hidden))
    after.sum().backward()  # type: ignore[no-untyped-call]
    assert_close(p.grad, torch.full((hidden,), 3.0, dtype=torch.float64))


def test_a_gate_may_be_one_number_for_all_units(random: np.random.Generator) -> None:
    cell = cell_of("g = sigmoid(mean(W @ x))\nh' = g * h + (1 - g) * tanh(V @ x)", random)
    u, state = cell.project(tensor(random, 1, 3, 4))[0], random_states(random, cell.states, 3, 5)
    seen = list[Tensor]()

    def half(activation: Tensor) -> Tensor:
        seen.append(activation)
        return activation / 2

    cell.update(u, state, {"g": half})
    assert seen[0].shape == (3, 5)
    assert (seen[0] == seen[0][:, :1]).all()
    assert len(torch.unique(seen[0])) == 3


def test_equal_means_are_one_and_others_another_cell() -> None:
    one = read("a = W @ x + U @ h\nh' = a - mean(a)")
    assert one.digest == read("q = V @ x + K @ h\nh' = q - mean(q)").digest
    assert one.digest != read("a = W @ x + U @ h\nh' = a - mean(h)").digest
    twice = read("a = W @ x + U @ h\nh' = (a - mean(a)) * mean(a)")
    assert sum(node.op == "mean" for node in twice.nodes) == 1


def test_a_mean_costs_a_look_at_every_unit_and_keeps_nothing() -> None:
    plain, with_mean = (of_equations(read(f"a = W @ x + U @ h\nh' = tanh(a{rest})")) for rest in ("", " - mean(a)"))
    assert (plain.activations, with_mean.activations) == (1, 2)
    assert plain.kept == with_mean.kept
    normalized = of_equations(read(NORMALIZED))
    assert normalized.activations == 2, "the root is taken of one number"
