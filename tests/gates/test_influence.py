"""Influences equal the norms from plain autograd, and are exactly 0 where the gates cut the path."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from gatelab.gates import Clamps, Influence, influence
from gatelab.model import LanguageModel, network_of
from gatelab.specs import CellSpec, ClampSpec, GruSpec, RnnSpec
from gatelab.text.tokenizers import Ids
from tests.gates.models import GRU, LSTM, VOCABULARY, cells_of, held, random_clamps, random_ids, random_model
from tests.randomized import CELLS, assert_close, cell_name

STEPS, OUTPUT = 9, 6

RESET_AND_UPDATE = [spec for spec in CELLS if isinstance(spec, GruSpec) and len(spec.gates) == 2]
UPDATE = [spec for spec in CELLS if isinstance(spec, GruSpec) and spec.gates == ("update",)]
RESET = [spec for spec in CELLS if isinstance(spec, GruSpec) and spec.gates == ("reset",)]


def torch_overrides(clamps: Clamps, step: int, layer: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Holds gates on tensors. No gradient flows through a held unit."""

    def holding(name: str) -> Callable[[Tensor], Tensor]:
        override, held = clamps.at(step, layer)[name], torch.from_numpy(clamps.held(step, layer)[name])
        return lambda activation: torch.where(held, torch.from_numpy(override(activation.detach().numpy())), activation)

    return {name: holding(name) for name in clamps.at(step, layer)}


def by_autograd(model: LanguageModel, ids: Ids, output: int, layer: int, clamps: Clamps) -> tuple[list[float], float]:
    """The norms of the whole Jacobian: every unit of h is differentiated separately, back to every input."""
    vectors = torch.eye(VOCABULARY, dtype=torch.float64) if model.embedding is None else model.embedding.detach()
    inputs = [vectors[i][None].clone().requires_grad_() for i in ids]
    start = [tuple(t.requires_grad_() for t in state) for state in model.initial_state(1)]
    state, x = list(start), None
    for step in range(output + 1):
        x = inputs[step]
        for at, cell in enumerate(cells_of(model)):
            state[at] = cell.update(cell.project(x[None])[0], state[at], torch_overrides(clamps, step, at))
            x = state[at][0]
    units = state[layer][0][0]
    first = [t for of_layer in start for t in of_layer]
    rows = [
        torch.autograd.grad(u, [*inputs, *first], retain_graph=True, allow_unused=True)
        for u in units
        if u.requires_grad
    ]

    def norm(which: list[int]) -> float:
        parts: list[Tensor] = [g.flatten() for row in rows for i in which if (g := row[i]) is not None]
        return torch.cat(parts).norm().item() if parts else 0.0

    return [norm([k]) for k in range(output + 1)], norm(list(range(len(inputs), len(inputs) + len(first))))


@pytest.mark.parametrize("clamped", [False, True], ids=["free", "held"])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("spec", CELLS, ids=cell_name)
def test_influences_are_what_autograd_says(
    spec: CellSpec, layers: int, clamped: bool, random: np.random.Generator
) -> None:
    model = random_model(spec, random, layers)
    ids = random_ids(random, STEPS)
    gates = cells_of(model)[0].gates
    clamps = held(model, STEPS, *(random_clamps(model, random, STEPS) if clamped and gates else []))
    layer = int(random.integers(layers))
    found = influence(network_of(model), ids, OUTPUT, clamps, layer=layer)
    norms, initial = by_autograd(model, ids, OUTPUT, layer, clamps)
    assert_close((found.norms, found.initial_state), (np.array(norms), initial))
    assert [bool(n) for n in found.norms] == [bool(n) for n in norms], "what is 0 is exactly 0"
    if not clamped and not (isinstance(spec, RnnSpec) and spec.activation == "relu"):  # all of whose units may be off
        assert found.norms[-1] > 0


def test_the_last_layer_is_meant_where_none_is_named(random: np.random.Generator) -> None:
    model, ids = random_model(GRU, random, 2), random_ids(random, STEPS)
    default, first, last = (
        influence(network_of(model), ids, OUTPUT, held(model, STEPS), **layer)
        for layer in ({}, {"layer": 0}, {"layer": 1})
    )
    assert np.array_equal(default.norms, last.norms)
    assert not np.array_equal(default.norms, first.norms)


def test_a_text_of_one_step_has_one_influence(random: np.random.Generator) -> None:
    model, ids = random_model(GRU, random), random_ids(random, 1)
    found = influence(network_of(model), ids, 0, held(model, 1))
    assert found.norms.shape == (1,)
    assert found.norms[0] > 0
    assert found.initial_state > 0


def test_a_model_in_single_precision_is_differentiated_in_double(random: np.random.Generator) -> None:
    model, ids = random_model(GRU, random), random_ids(random, STEPS)
    single = influence(network_of(model.float()), ids, OUTPUT, held(model, STEPS))
    assert model.bias_head.dtype == torch.float32, "the model stays what it is"
    double = influence(network_of(model.double()), ids, OUTPUT, held(model, STEPS))
    assert np.array_equal(single.norms, double.norms)


# -- Only one input counts: the exercise, for every cell that allows it ----------------------------------------------

ONLY = 3
"""The only step on whose input the output should depend."""
LATER = tuple(range(ONLY + 1, STEPS))


def only(found: Influence, step: int) -> bool:
    return found.initial_state == 0 and set(np.flatnonzero(found.norms)) == {step}


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("spec", RESET_AND_UPDATE, ids=cell_name)
def test_a_gru_depends_on_one_input_alone(spec: CellSpec, layers: int, random: np.random.Generator) -> None:
    """z = r = 0 forgets the past, and z = 1 keeps the new state, whatever the gates did before."""
    model, ids = random_model(spec, random, layers), random_ids(random, STEPS)
    clamps = (
        ClampSpec(gate="update", at=(ONLY,), value=0),
        ClampSpec(gate="reset", at=(ONLY,), value=0),
        ClampSpec(gate="update", at=LATER, value=1),
    )
    assert only(influence(network_of(model), ids, STEPS - 1, held(model, STEPS, *clamps)), ONLY)
    for leaky in range(3):
        rest = [clamp for index, clamp in enumerate(clamps) if index != leaky]
        assert not only(influence(network_of(model), ids, STEPS - 1, held(model, STEPS, *rest)), ONLY), (
            "each of them is needed"
        )


@pytest.mark.parametrize("spec", RESET_AND_UPDATE, ids=cell_name)
def test_an_open_reset_gate_lets_a_second_input_through(spec: CellSpec, random: np.random.Generator) -> None:
    """The answer that is published: z = r = 0 before, then r = 1. The state it resets from holds the input before."""
    model, ids = random_model(spec, random, 1), random_ids(random, STEPS)
    before = tuple(range(ONLY))
    clamps = (
        ClampSpec(gate="update", at=(*before, ONLY), value=0),
        ClampSpec(gate="reset", at=before, value=0),
        ClampSpec(gate="reset", at=(ONLY,), value=1),
        ClampSpec(gate="update", at=LATER, value=1),
    )
    found = influence(network_of(model), ids, STEPS - 1, held(model, STEPS, *clamps))
    assert set(np.flatnonzero(found.norms)) == {ONLY - 1, ONLY}
    assert found.initial_state == 0


@pytest.mark.parametrize("spec", RESET, ids=cell_name)
def test_a_reset_gate_alone_can_forget_but_not_keep(spec: CellSpec, random: np.random.Generator) -> None:
    model, ids = random_model(spec, random, 1), random_ids(random, STEPS)
    clamps = held(model, STEPS, ClampSpec(gate="reset", at=(ONLY,), value=0))
    assert only(influence(network_of(model), ids, ONLY, clamps), ONLY)
    assert set(np.flatnonzero(influence(network_of(model), ids, ONLY + 1, clamps).norms)) == {ONLY, ONLY + 1}


@pytest.mark.parametrize("spec", UPDATE, ids=cell_name)
def test_an_update_gate_alone_can_keep_but_not_forget(spec: CellSpec, random: np.random.Generator) -> None:
    model, ids = random_model(spec, random, 1), random_ids(random, STEPS)
    elsewhere = tuple(step for step in range(STEPS) if step != ONLY)
    clamps = (ClampSpec(gate="update", at=elsewhere, value=1), ClampSpec(gate="update", at=(ONLY,), value=0))
    found = influence(network_of(model), ids, STEPS - 1, held(model, STEPS, *clamps))
    assert set(np.flatnonzero(found.norms)) == {ONLY}, "no other input enters"
    assert found.initial_state > 0, "but the candidate has read the state before"


@pytest.mark.parametrize("layers", [1, 2])
def test_an_lstm_depends_on_one_input_alone(layers: int, random: np.random.Generator) -> None:
    """An output gate of 0 hides the state from the candidate, f = 0 forgets the cell; then f = 1 and i = 0 keep it."""
    model, ids = random_model(LSTM, random, layers), random_ids(random, STEPS)
    clamps = (
        ClampSpec(gate="output", value=1),
        ClampSpec(gate="output", at=(ONLY - 1,), value=0),
        ClampSpec(gate="forget", at=(ONLY,), value=0),
        ClampSpec(gate="input", at=(ONLY,), value=1),
        ClampSpec(gate="forget", at=LATER, value=1),
        ClampSpec(gate="input", at=LATER, value=0),
    )
    found = influence(network_of(model), ids, STEPS - 1, held(model, STEPS, *clamps))
    assert only(found, ONLY)


# -- How long the memory is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("norms", "length"),
    [
        ([0, 0, 0], 0),
        ([0, 0, 1], 1),
        ([0, 0.001, 1], 1),
        ([0, 0.01, 1], 2),
        ([0, 0.5, 0.001, 1], 3),
        ([0, 0.02, 0, 0], 3),
        ([0.01, 0, 1], None),
        ([0.0099, 0, 1], 1),
    ],
)
def test_memory_lasts_until_all_influences_are_under_a_hundredth(norms: list[float], length: int | None) -> None:
    assert Influence(len(norms) - 1, np.array(norms, dtype=float), 0.0).memory_length == length
