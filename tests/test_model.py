"""The language model: its results, its initial values, and its dropout."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from gatelab.architecture import parameter_shapes
from gatelab.cells import Cell
from gatelab.dropout import Dropout
from gatelab.initial import initial_values
from gatelab.model import LanguageModel, ModelState
from gatelab.specs import CellSpec, EmbeddingSpec, GruSpec, ModelSpec
from tests.contracts import equations
from tests.contracts.weights import arrays, named
from tests.randomized import CELLS, assert_close, cell_name, random, random_states, randomize, seed, seeds

__all__ = ["random", "seed"]

VOCABULARY = 7


def model_of(cell: CellSpec, **fields: object) -> LanguageModel:
    return LanguageModel(
        ModelSpec.model_validate({"cell": cell.model_copy(update={"hidden": 5}), **fields}), VOCABULARY
    )


def random_ids(random: np.random.Generator, steps: int = 6, batch: int = 3) -> Tensor:
    return torch.from_numpy(random.integers(0, VOCABULARY, size=(steps, batch)))


def random_state(model: LanguageModel, random: np.random.Generator, batch: int = 3) -> ModelState:
    return tuple(random_states(random, cell.states, batch, cell.hidden) for cell in cells_of(model))


def cells_of(model: LanguageModel) -> list[Cell]:
    return [cell for cell in model.cells if isinstance(cell, Cell)]


# -- What it computes ---------------------------------------------------------------------------------------------


@seeds(344988566)
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
@pytest.mark.parametrize("input", ["one_hot", {"embedding": 4}], ids=["one-hot", "embedding"])
def test_logits_are_input_cells_and_head_in_turn(cell: CellSpec, input: object, random: np.random.Generator) -> None:
    model = model_of(cell, layers=2, input=input)
    randomize(model, random)
    ids, state = random_ids(random), random_state(model, random)
    table = np.eye(VOCABULARY) if model.embedding is None else model.embedding.detach().numpy()
    x, last = table[ids.numpy()], []
    for layer, before in zip(cells_of(model), state, strict=True):
        x, after = equations.scan(model.spec.cell, named(layer), x, arrays(before))
        last.append(after)
    logits, found = model(ids, state)
    assert_close(logits.detach().numpy(), x @ model.weight_head.detach().numpy() + model.bias_head.detach().numpy())
    assert_close(tuple(map(arrays, found)), tuple(last))


def test_a_text_read_in_pieces_is_the_whole(random: np.random.Generator) -> None:
    model = model_of(GruSpec(kind="gru"), layers=3, input={"embedding": 4})
    randomize(model, random)
    ids, state = random_ids(random), random_state(model, random)
    cut = int(random.integers(1, len(ids)))
    first, between = model(ids[:cut], state)
    second, last = model(ids[cut:], between)
    assert_close((torch.cat([first, second]), last), model(ids, state))


@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_the_initial_state_is_zero_in_every_layer(cell: CellSpec) -> None:
    model = model_of(cell, layers=2)
    state = model.initial_state(3)
    assert len(state) == 2
    assert all(t.shape == (3, 5) and not t.any() for of_layer in state for t in of_layer)


def test_the_book_model_has_its_number_of_parameters() -> None:
    book = LanguageModel(ModelSpec(cell=GruSpec(kind="gru", hidden=32)), vocabulary=28)
    assert book.parameter_count() == 3 * (28 * 32 + 32 * 32 + 32) + 32 * 28 + 28


# -- How it starts ------------------------------------------------------------------------------------------------


def initialized(seed: int, cell: CellSpec, **fields: object) -> dict[str, Tensor]:
    model = model_of(cell, **fields)
    model.initialize(seed)
    return dict(model.state_dict())


def test_initial_weights_are_a_function_of_the_seed_alone(seed: int) -> None:
    cell = GruSpec(kind="gru")
    torch.manual_seed(seed)
    first = initialized(seed, cell)
    again = initialized(seed, cell)
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = initialized(seed + 1, cell)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_no_two_parameters_start_alike(seed: int) -> None:
    flat = [value.flatten() for value in initialized(seed, GruSpec(kind="gru"), layers=2).values()]
    firsts = {value[0].item() for value in flat}
    assert len(firsts) == len(flat)


@pytest.mark.parametrize("init", ["default", {"normal": 0.3}], ids=["default", "normal"])
def test_variants_start_equal_in_the_parameters_they_share(init: object, seed: int) -> None:
    full = initialized(seed, GruSpec(kind="gru", gates=("reset", "update"), reset="after"), init=init)
    for cell in CELLS:
        other = initialized(seed, cell, init=init)
        shared = [name for name in other if name in full and other[name].shape == full[name].shape]
        assert {"weight_head", "bias_head"} <= set(shared)
        assert all(torch.equal(other[name], full[name]) for name in shared)


def test_gates_that_variants_share_start_equal(seed: int) -> None:
    """Each letter is drawn separately, so that variants differ only in their gates."""
    both = initialized(seed, GruSpec(kind="gru"))
    after = initialized(seed, GruSpec(kind="gru", reset="after"))
    none = initialized(seed, GruSpec(kind="gru", gates=()))
    for gates, of in (("update",), "z"), (("reset",), "r"):
        one = initialized(seed, GruSpec.model_validate({"kind": "gru", "gates": gates}))
        letters = {f"cells.0.{letter}_{block}" for letter in "WUb" for block in (of, "c")}
        assert letters == {name for name in one if name.startswith("cells.")}
        assert all(torch.equal(one[name], both[name]) and torch.equal(one[name], after[name]) for name in letters)
    assert all(torch.equal(none[name], both[name]) for name in none)


def test_normal_weights_have_their_deviation_and_biases_are_zero(seed: int) -> None:
    sigma, hidden, vocabulary = 0.02, 64, 50
    spec = ModelSpec.model_validate(
        {"cell": {"kind": "lstm", "hidden": hidden}, "input": {"embedding": 32}, "init": {"normal": sigma}}
    )
    model = LanguageModel(spec, vocabulary)
    model.initialize(seed)
    for name, value in model.state_dict().items():
        if value.dim() == 1:
            assert not value.any()
        else:
            # Seven standard errors of a sample deviation: passed by chance once in 1e11.
            assert abs(value.std().item() / sigma - 1) < 7 / (2 * value.numel()) ** 0.5, name


def test_default_weights_fill_pytorchs_bounds(seed: int) -> None:
    spec = ModelSpec(cell=GruSpec(kind="gru", hidden=64), input=EmbeddingSpec(embedding=32))
    model = LanguageModel(spec, vocabulary=50)
    model.initialize(seed)
    bound = 1 / 64**0.5
    for name, value in model.state_dict().items():
        if name != "embedding":
            assert value.abs().max() <= bound
            assert value.min() < -0.3 * bound < 0.3 * bound < value.max()
    assert abs(model.state_dict()["embedding"].std().item() - 1) < 0.1


def test_the_first_values_of_a_seed_stay_what_they_are() -> None:
    """A repetition of a run on a later day begins with the same weights."""
    spec = ModelSpec(cell=GruSpec(kind="gru", hidden=4), input=EmbeddingSpec(embedding=1))
    values = initial_values(spec, parameter_shapes(spec, 3), seed=7)
    known = {
        "embedding": [-0.13374266, -1.1669091, -0.9791122],
        "bias_head": [-0.3495996, 0.1886692, 0.16927248],
        "cells.0.b_r": [-0.42747545, -0.08260125, -0.3693421, 0.38442266],
    }
    for name, expected in known.items():
        assert values[name].reshape(-1).tolist() == pytest.approx(expected, rel=1e-6)


# -- Dropout ------------------------------------------------------------------------------------------------------


def masked(seed: int, step: int, layer: int, rate: float = 0.4) -> NDArray[np.float32]:
    return Dropout(seed, step).factors((11, 13, 17), rate, layer)


def test_masks_are_a_function_of_seed_step_and_layer(seed: int) -> None:
    mask = masked(seed, step=3, layer=1)
    assert mask.shape == (11, 13, 17)
    assert np.array_equal(masked(seed, step=3, layer=1), mask)
    assert not np.array_equal(masked(seed + 1, step=3, layer=1), mask)
    assert not np.array_equal(masked(seed, step=4, layer=1), mask)
    assert not np.array_equal(masked(seed, step=3, layer=0), mask)


@pytest.mark.parametrize("rate", [1e-3, 0.4, 0.5, 0.999])
def test_dropout_zeroes_its_share_and_scales_the_rest(rate: float, seed: int) -> None:
    mask = masked(seed, step=0, layer=0, rate=rate)
    kept = mask[mask != 0]
    assert np.array_equal(kept, np.full_like(kept, 1 / (1 - rate)))
    # Seven standard deviations of a binomial share, and the few that a rare event may be off.
    assert abs(len(kept) / mask.size - (1 - rate)) < 7 * (rate * (1 - rate) / mask.size) ** 0.5 + 7 / mask.size


def test_the_masks_of_a_seed_stay_what_they_are() -> None:
    """A run that a later version resumes gets the same masks as without the interruption."""
    dropped = Dropout(seed=7, step=3).factors((2, 3, 4), 0.25, layer=1).reshape(-1) == 0
    assert np.flatnonzero(dropped).tolist() == [0, 12, 14, 16, 21, 22]


@pytest.mark.parametrize("rate", [1e-6, 1 - 1e-6])
def test_rates_finer_than_sixteen_bits_are_kept_to(rate: float) -> None:
    masks = [Dropout(0, step).factors((2**20,), rate, 0) for step in range(16)]
    rare = sum(int((mask == 0).sum() if rate < 0.5 else (mask != 0).sum()) for mask in masks)
    assert 4 <= rare <= 32  # of 2**24 one in a million: 16.8 are expected


def test_dropout_acts_after_every_layer_and_only_when_asked(random: np.random.Generator, seed: int) -> None:
    model = model_of(GruSpec(kind="gru"), layers=2, dropout=0.5)
    randomize(model, random)
    ids, state = random_ids(random), random_state(model, random)
    x = torch.nn.functional.one_hot(ids, VOCABULARY).double()
    dropout = Dropout(seed, step=9)
    for layer, (cell, (h,)) in enumerate(zip(cells_of(model), state, strict=True)):
        outputs = []
        for u in cell.project(x):
            (h,) = cell.update(u, (h,))
            outputs.append(h)
        x = torch.stack(outputs)
        x = x * torch.from_numpy(dropout.factors(x.shape, 0.5, layer))
    expected = x @ model.weight_head + model.bias_head
    assert_close(model(ids, state, dropout)[0], expected)
    assert not torch.equal(model(ids, state)[0], expected)


def test_without_a_rate_there_is_no_dropout(random: np.random.Generator, seed: int) -> None:
    model = model_of(GruSpec(kind="gru"), dropout=0.0)
    randomize(model, random)
    ids, state = random_ids(random), random_state(model, random)
    assert torch.equal(model(ids, state, Dropout(seed, 0))[0], model(ids, state)[0])
