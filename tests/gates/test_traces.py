"""A trace equals the reference, step by step; held gates keep their values, and everything else follows."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from gatelab.gates import Trace, trace
from gatelab.gates.traces import STATE_NAMES, state_names
from gatelab.model import LanguageModel, network_of
from gatelab.specs import CellSpec, ClampSpec
from gatelab.text.tokenizers import Ids
from tests.contracts import equations
from tests.contracts.weights import named
from tests.gates.models import (
    GATED,
    GRU,
    LSTM,
    VOCABULARY,
    cells_of,
    expected_hold,
    held,
    random_clamps,
    random_ids,
    random_model,
)
from tests.randomized import CELLS, assert_close, cell_name
from tests.rounding import assert_rounded, largest, terms_of

STEPS = 9


def single(model: LanguageModel) -> LanguageModel:
    return model.float()


def holding(
    clamps: list[ClampSpec], name: str, step: int, layer: int, row: dict[str, Tensor]
) -> Callable[[Tensor], Tensor]:
    """Holds a gate and records it in `row`."""

    def apply(activation: Tensor) -> Tensor:
        row[name] = expected_hold(clamps, name, step, layer, activation)
        return row[name]

    return apply


def stepwise(model: LanguageModel, ids: Ids, clamps: list[ClampSpec]) -> list[list[dict[str, Tensor]]]:
    """Layer -> step -> name -> the values that `update` computed, recorded by its gates."""
    tokens = torch.from_numpy(ids)[:, None]
    x = tokens if model.embedding is None else model.embedding[tokens]
    found = []
    for layer, cell in enumerate(cells_of(model)):
        state, rows, outputs = cell.initial_state(1), [], []
        for step, u in enumerate(cell.project(x)):
            row: dict[str, Tensor] = {}

            def hold(
                name: str, step: int = step, layer: int = layer, row: dict[str, Tensor] = row
            ) -> Callable[[Tensor], Tensor]:
                def apply(activation: Tensor) -> Tensor:
                    row[name] = expected_hold(clamps, name, step, layer, activation)
                    return row[name]

                return apply

            state = cell.update(u, state, {name: hold(name) for name in cell.gates})
            row |= dict(zip(state_names(network_of(model).layers[layer]), state, strict=True))
            rows.append(row)
            outputs.append(state[0])
        x = torch.stack(outputs)
        found.append(rows)
    return found


@pytest.mark.parametrize("clamped", [False, True], ids=["free", "held"])
@pytest.mark.parametrize("spec", CELLS, ids=cell_name)
def test_a_trace_is_the_reference_step_by_step(spec: CellSpec, clamped: bool, random: np.random.Generator) -> None:
    # In double precision, since some cells with random weights amplify a difference with every step.
    model = single(random_model(spec, random)).double()
    ids = random_ids(random, STEPS)
    gates = cells_of(model)[0].gates
    clamps = random_clamps(model, random, STEPS) if clamped and gates else []
    found = trace(network_of(model), ids, held(model, STEPS, *clamps))
    with torch.no_grad():
        expected = stepwise(model, ids, clamps)
    for layer, rows in zip(found.layers, expected, strict=True):
        names = {**layer.gates, **layer.state}
        assert set(names) == set(rows[0])
        for name, values in names.items():
            told = np.concatenate([row[name].numpy() for row in rows])
            assert_rounded(
                values, told, terms=terms_of(model, STEPS), scale=max(1.0, largest(told)), dtype=torch.float32
            )


@pytest.mark.parametrize("spec", GATED, ids=cell_name)
def test_gates_and_states_are_those_of_the_equations(spec: CellSpec, random: np.random.Generator) -> None:
    model = random_model(spec, random, layers=1)
    ids = random_ids(random, STEPS)
    found = trace(network_of(model), ids, held(model, STEPS)).layers[0]
    [cell] = cells_of(model)
    weights = named(cell)
    vectors = np.eye(VOCABULARY) if model.embedding is None else model.embedding.detach().numpy()
    state: equations.State = tuple(t.numpy()[0] for t in cell.initial_state(1))
    for step, token in enumerate(ids):
        computed = equations.step(model.spec.cell, weights, vectors[token], state)
        state = computed.state
        # Computed in double precision and returned in single: every number is rounded once.
        told = [{name: each[step] for name, each in of.items()} for of in (found.gates, found.state)]
        assert_rounded(told, [computed.gates, dict(zip(found.state, state, strict=True))], terms=1)


def test_the_next_token_is_predicted_as_the_model_does(random: np.random.Generator) -> None:
    model = random_model(GRU, random)
    ids = random_ids(random, STEPS)
    logits, _ = model(torch.from_numpy(ids)[:, None], model.initial_state(1))
    found = trace(network_of(model), ids, held(model, STEPS)).next
    assert_close(found, logits[-1, 0].softmax(0))
    assert_close(found.sum(), 1.0)


def test_only_what_is_asked_for_is_kept(random: np.random.Generator) -> None:
    model = single(random_model(LSTM, random, layers=3))
    ids = random_ids(random, STEPS)
    whole, part = (
        trace(network_of(model), ids, held(model, STEPS), layers=layers, units=units)
        for layers, units in ((None, None), ([2, 0], [4, 1]))
    )
    assert [layer.layer for layer in part.layers] == [2, 0]
    for layer in part.layers:
        assert layer.units.tolist() == [4, 1]
        of_whole = whole.layers[layer.layer]
        for name in ("input", "forget", "output"):
            assert np.array_equal(layer.gates[name], of_whole.gates[name][:, [4, 1]])
        for name in STATE_NAMES:
            assert np.array_equal(layer.state[name], of_whole.state[name][:, [4, 1]])


def of_update(model: LanguageModel, ids: Ids, *clamps: ClampSpec) -> Trace:
    return trace(network_of(model), ids, held(model, len(ids), *clamps))


def test_an_update_gate_that_is_held_open_keeps_the_state(random: np.random.Generator) -> None:
    model = single(random_model(GRU, random, layers=1))
    ids = random_ids(random, STEPS)
    found = of_update(model, ids, ClampSpec(gate="update", at=(5, 6, 7, 8), value=1)).layers[0].state["hidden"]
    assert all(np.array_equal(row, found[4]) for row in found[5:])
    free = of_update(model, ids).layers[0].state["hidden"]
    assert np.array_equal(found[:5], free[:5])
    assert not np.array_equal(found[5], free[5])


def test_where_clamps_overlap_the_later_one_holds(random: np.random.Generator) -> None:
    model = single(random_model(GRU, random, layers=1))
    clamps = (
        ClampSpec(gate="reset", at=(2,), value=0.25),
        ClampSpec(gate="reset", value=0.5),
        ClampSpec(gate="reset", at=(3, 4), value=0.75, units=(1,)),
    )
    found = of_update(model, random_ids(random, STEPS), *clamps).layers[0].gates["reset"]
    expected = np.full_like(found, 0.5)
    expected[3:5, 1] = 0.75
    assert np.array_equal(found, expected)
