"""The options around the cells, in PyTorch and in NumPy, against a plain second implementation."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gatelab.architecture import parameter_count, parameter_shapes
from gatelab.costs import parameters
from gatelab.dropout import Dropout
from gatelab.gates import Clamps, influence, trace
from gatelab.initial import initial_values
from gatelab.model import network_of
from gatelab.specs import CellSpec, ModelSpec
from gatelab.text.tokenizers import Ids
from tests.layers.field_models import CELLS, FIELDS, VOCABULARY, WIDE, expected, model_of, spec_of
from tests.randomized import assert_close, cell_name

each_field = pytest.mark.parametrize("name", FIELDS)
each_cell = pytest.mark.parametrize("cell", CELLS, ids=cell_name)


def ids_of(random: np.random.Generator, steps: int = 6, batch: int = 3) -> Ids:
    return random.integers(0, VOCABULARY, (steps, batch))


@each_cell
@each_field
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_the_model_computes_what_the_fields_say(
    name: str, cell: CellSpec, training: bool, random: np.random.Generator, seed: int
) -> None:
    model, ids = model_of(name, random, cell), ids_of(random)
    dropout = Dropout(seed, 5) if training else None
    state = model.initial_state(3)
    assert_close(tuple(model(torch.from_numpy(ids), state, dropout)), expected(model, ids, state, dropout))


@each_cell
@each_field
def test_the_network_in_numpy_computes_what_the_model_does(
    name: str, cell: CellSpec, random: np.random.Generator
) -> None:
    model, ids = model_of(name, random, cell), ids_of(random)
    network = network_of(model)
    outputs, after = network.read(ids, network.initial_state(3))
    with torch.no_grad():
        assert_close((network.logits(outputs), after), tuple(model(torch.from_numpy(ids), model.initial_state(3))))


@each_field
def test_a_text_read_in_pieces_is_the_whole(name: str, random: np.random.Generator) -> None:
    model, ids = model_of(name, random), torch.from_numpy(ids_of(random))
    first, between = model(ids[:2], model.initial_state(3))
    second, last = model(ids[2:], between)
    assert_close((torch.cat([first, second]), last), tuple(model(ids, model.initial_state(3))))


@each_field
def test_single_precision_stays_single(name: str, random: np.random.Generator) -> None:
    network = network_of(model_of(name, random).float())
    outputs, after = network.read(ids_of(random), network.initial_state(3))
    assert {array.dtype for layer in after for array in layer} == {network.logits(outputs).dtype} == {np.dtype("f4")}


@each_field
def test_shapes_are_those_of_the_model_in_its_order(name: str, random: np.random.Generator) -> None:
    model = model_of(name, random)
    shapes = parameter_shapes(model.spec, VOCABULARY)
    assert list(shapes.items()) == [(n, tuple(p.shape)) for n, p in model.named_parameters()]
    assert parameters(model.spec, VOCABULARY) == parameter_count(model.spec, VOCABULARY) == model.parameter_count()


@each_cell
@each_field
def test_influence_is_the_slope_of_the_output(name: str, cell: CellSpec, random: np.random.Generator) -> None:
    """The Jacobian through connections, normalizations and zoneout, against finite differences of the initial state."""
    network = network_of(model_of(name, random, cell))
    ids, step = random.integers(0, VOCABULARY, 4), 1e-5
    for layer in range(network.spec.layers):
        found = influence(network, ids, 3, Clamps((), network.layers, 4), layer=layer)
        columns = []
        for of_layer, tensors in enumerate(network.initial_state(1)):
            for place, tensor in enumerate(tensors):
                for unit in range(tensor.shape[1]):
                    sides = []
                    for way in (step, -step):
                        state = [[t.copy() for t in each] for each in network.initial_state(1)]
                        state[of_layer][place][0, unit] += way
                        _, after = network.read(ids[:, None], tuple(map(tuple, state)))
                        sides.append(after[layer][0][0])
                    columns.append((sides[0] - sides[1]) / (2 * step))
        assert found.initial_state == pytest.approx(np.linalg.norm(columns), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in FIELDS if "input" in FIELDS[name]])
def test_the_influence_of_an_input_is_its_slope(name: str, random: np.random.Generator) -> None:
    """Each id occurs once, so that its row of the embedding serves only its own input."""
    model = model_of(name, random)
    network, ids, step = network_of(model), random.permutation(VOCABULARY)[:4], 1e-5
    found = influence(network, ids, 3, Clamps((), network.layers, 4))
    table = network.weights["embedding"]
    for at, token in enumerate(ids):
        columns = []
        for unit in range(table.shape[1]):
            sides = []
            for way in (step, -2 * step, step):
                table[token, unit] += way
                sides.append(network.read(ids[:, None], network.initial_state(1))[1][-1][0][0])
            columns.append((sides[0] - sides[1]) / (2 * step))
        assert found.norms[at] == pytest.approx(np.linalg.norm(columns), rel=1e-6, abs=1e-9)


@each_field
def test_a_trace_shows_the_states_that_reading_gives(name: str, random: np.random.Generator) -> None:
    network, ids = network_of(model_of(name, random)), random.integers(0, VOCABULARY, 5)
    seen = trace(network, ids, Clamps((), network.layers, 5))
    outputs, after = network.read(ids[:, None], network.initial_state(1))
    for layer, last in zip(seen.layers, after, strict=True):
        assert np.allclose(layer.state["hidden"][-1], last[0][0], rtol=1e-6, atol=1e-7)
    logits = network.logits(outputs[-1])[0]
    assert_close(seen.next, np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum())


def test_units_of_layers_of_different_sizes_are_shown_by_layer(random: np.random.Generator) -> None:
    network, ids = network_of(model_of("sizes", random)), random.integers(0, VOCABULARY, 3)
    seen = trace(network, ids, Clamps((), network.layers, 3), layers=[0, 2], units=[5])
    assert [layer.state["hidden"].shape for layer in seen.layers] == [(3, 1), (3, 1)]
    whole = trace(network, ids, Clamps((), network.layers, 3))
    assert [layer.state["hidden"].shape[1] for layer in whole.layers] == [7, 4, 6]
    assert np.array_equal(seen.layers[1].state["hidden"][:, 0], whole.layers[2].state["hidden"][:, 5])


# -- How they start -----------------------------------------------------------------------------------------------


def started(fields: dict[str, object], seed: int) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    spec = ModelSpec.model_validate({"cell": {"kind": "gru", "hidden": 6}, **fields})
    return initial_values(spec, parameter_shapes(spec, VOCABULARY), seed)


@pytest.mark.parametrize("init", ["default", {"normal": 0.3}, {"recurrent": "orthogonal", "bias": 3}])
def test_what_is_around_a_cell_begins_without_effect(init: object, seed: int) -> None:
    """It leaves the initial values of all other parameters unchanged."""
    fields = {"layers": 2, **WIDE, "init": init}
    plain = started(fields, seed)
    found = started({**fields, "norm": "layer", "connections": "highway", "initial_state": "learned"}, seed)
    assert all(np.array_equal(found[name], values) for name, values in plain.items())
    assert all((found[f"norms.{place}.gain"] == 1).all() and not found[f"norms.{place}.bias"].any() for place in (1, 2))
    assert (found["highways.1.bias"] == -1).all()
    assert found["highways.1.weight"].any()
    assert not any(found[f"initial.{layer}.0"].any() for layer in (0, 1))


def test_a_layer_starts_by_its_own_size(seed: int) -> None:
    sizes = (64, 16)
    values = started({"cell": {"kind": "gru", "hidden": 16}, "sizes": sizes}, seed)
    for layer, size in enumerate(sizes):
        largest = np.abs(values[f"cells.{layer}.U_z"]).max()
        assert 0.9 / size**0.5 < largest <= 1 / size**0.5
    assert np.abs(values["weight_head"]).max() <= 1 / 4


def test_a_tied_embedding_begins_as_a_head(seed: int) -> None:
    """With PyTorch's embeddings, of standard deviation 1, the first predictions would be nearly certain, and wrong."""
    fields = {**WIDE, "tied": True}
    assert np.abs(started(fields, seed)["embedding"]).max() <= 1 / 6**0.5
    assert (started({**fields, "init": {"head": 0.25}}, seed)["embedding"] == 0.25).all()
    assert (started({**fields, "init": {"head": 0.25, "embedding": 0.5}}, seed)["embedding"] == 0.5).all()


# -- Masks --------------------------------------------------------------------------------------------------------


def test_masks_are_functions_of_seed_step_layer_and_purpose(seed: int) -> None:
    spec = ModelSpec.model_validate(
        {
            "layers": 2,
            "input": {"embedding": 32},
            "dropout": dict.fromkeys(("layers", "input", "recurrent", "zoneout"), 0.5),
        }
    )

    def masks(seed: int, step: int) -> dict[str, bytes]:
        drop = Dropout(seed, step)
        found: dict[str, NDArray[Any] | None] = {"input": drop.input(spec, 8, 32, VOCABULARY)}
        for layer in (0, 1):
            found[f"outputs {layer}"] = drop.outputs(spec, layer, 8, 32)
            found[f"recurrent {layer}"] = drop.recurrent(spec, layer, 32)
            found[f"zoneout {layer}"] = drop.zoneout(spec, layer, 8, 32)
        return {name: mask.astype(bool).tobytes() for name, mask in found.items() if mask is not None}

    first, others = masks(seed, 3), (masks(seed, 4), masks(seed + 1, 3))
    assert len(first) == 7
    assert first == masks(seed, 3)
    assert len({*first.values(), *(mask for other in others for mask in other.values())}) == 3 * 7


def test_one_mask_serves_all_steps_where_dropout_is_variational(seed: int) -> None:
    spec = spec_of("gal")
    outputs, inputs = Dropout(seed, 0).outputs(spec, 0, 5, 3), Dropout(seed, 0).input(spec, 5, 3, VOCABULARY)
    assert outputs is not None
    assert inputs is not None
    assert outputs.shape == (5, 3, 6)
    assert (outputs == outputs[:1]).all()
    assert inputs.shape == (1, 3, 6)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_zoneout_keeps_its_share(rate: float, seed: int) -> None:
    spec = ModelSpec.model_validate({"cell": {"kind": "lstm", "hidden": 40}, "dropout": {"zoneout": rate}})
    kept = Dropout(seed, 0).zoneout(spec, 0, 50, 20)
    assert kept is not None
    assert kept.shape == (50, 2, 20, 40)
    # Seven standard deviations of a binomial share.
    assert abs(kept.mean() - rate) < 7 * (rate * (1 - rate) / kept.size) ** 0.5
