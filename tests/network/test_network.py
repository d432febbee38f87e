"""A network in NumPy computes the same as the model in PyTorch, for every cell, and keeps its precision."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gatelab.cells.cell import OPERATIONS
from gatelab.equations.zoo import zoo
from gatelab.gates import Clamps, influence
from gatelab.model import LanguageModel, network_of
from gatelab.network import Network
from gatelab.network.evaluation import Evaluation
from gatelab.network.functions import FUNCTIONS
from gatelab.specs import CellSpec, EquationsSpec, ModelSpec
from tests.gates.models import cells_of
from tests.randomized import CLASSIC, assert_close, cell_name, random, randomize, seed
from tests.rounding import assert_rounded, terms_of
from tests.scan.shapes import SHAPES

__all__ = ["random", "seed"]

VOCABULARY = 7
ZOO = tuple(EquationsSpec(kind="equations", name=name, equations=each.equations) for name, each in zoo().items())
ODD = EquationsSpec(kind="equations", name="odd", equations=SHAPES["functions"])
"""Every elementwise function, plain numbers, a gate with only parameters, and one vector in two products."""
MEANS = EquationsSpec(
    kind="equations",
    name="means",
    equations="""
        vector p
        scalar s
        gate level = sigmoid(mean(h * p) + s)
        a = W @ x + U @ (h - level)
        c' = a - mean(a) * level + c / (1 + mean(c * c)) - mean(p)
        h' = tanh(c' - mean(c')) * level + V @ (h * mean(a))
    """,
)
"""Means of states, of parameters and of other means, a gate that is a mean, and products that contain them."""
EVERY = (*CLASSIC, *ZOO, ODD, MEANS)


def model_of(cell: CellSpec, random: np.random.Generator, **fields: Any) -> LanguageModel:
    spec = ModelSpec.model_validate({"cell": cell.model_copy(update={"hidden": 5}), "layers": 2, **fields})
    model = LanguageModel(spec, VOCABULARY)
    randomize(model, random, 0.5)
    return model


@pytest.mark.parametrize("given", ["one_hot", {"embedding": 3}], ids=["one-hot", "embedding"])
@pytest.mark.parametrize("cell", EVERY, ids=cell_name)
def test_it_predicts_what_the_model_does(cell: CellSpec, given: object, random: np.random.Generator) -> None:
    model = model_of(cell, random, input=given)
    network, ids = network_of(model), random.integers(0, VOCABULARY, (6, 3))
    outputs, after = network.read(ids, network.initial_state(3))
    with torch.no_grad():
        expected, state = model(torch.from_numpy(ids), model.initial_state(3))
    assert_close((network.logits(outputs), after), (expected, state))
    assert network.logits(outputs).dtype == np.float64


@pytest.mark.parametrize("cell", EVERY, ids=cell_name)
def test_single_precision_stays_single(cell: CellSpec, random: np.random.Generator) -> None:
    model = model_of(cell, random).float()
    network, ids = network_of(model), random.integers(0, VOCABULARY, (2, 1))
    outputs, after = network.read(ids, network.initial_state(1))
    assert {array.dtype for layer in after for array in layer} == {network.logits(outputs).dtype} == {np.dtype("f4")}
    exact, _ = network.double().read(ids, network.double().initial_state(1))
    assert_rounded(outputs, exact, terms=terms_of(model, 2), scale=4, dtype=torch.float32)


@pytest.mark.parametrize("cell", EVERY, ids=cell_name)
def test_a_step_is_differentiated_as_by_autograd(
    cell: CellSpec, random: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back to the inputs and the initial state, through three steps of two layers."""
    # PyTorch's own derivative has the slope 1/6 in single precision, whatever it differentiates.
    monkeypatch.setitem(OPERATIONS, "hard_sigmoid", lambda a: (a + 3).clamp(0, 6) / 6)
    model = model_of(cell, random, input={"embedding": 3})
    ids = random.integers(0, VOCABULARY, 3)
    network = network_of(model)
    found = influence(network, ids, 2, Clamps((), network.layers, 3))
    assert model.embedding is not None
    inputs = [model.embedding.detach()[i][None].clone() for i in ids]
    start = [tensor for layer in model.initial_state(1) for tensor in layer]

    def output(*leaves: Tensor) -> Tensor:
        width, state, x = len(model.cell(0).states), leaves[3:], None
        layers = [state[:width], state[width:]]
        for step in range(3):
            x = leaves[step]
            for number, of_layer in enumerate(cells_of(model)):
                layers[number] = of_layer.update(of_layer.project(x[None])[0], layers[number])
                x = layers[number][0]
        assert x is not None
        return x[0]

    jacobians = torch.autograd.functional.jacobian(output, (*inputs, *start))  # type: ignore[no-untyped-call]
    norms = [each.norm().item() for each in jacobians[:3]]
    initial = torch.cat([each.flatten() for each in jacobians[3:]]).norm().item()
    assert_close((found.norms, found.initial_state), (np.array(norms), initial))


def test_every_function_of_the_language_has_a_twin() -> None:
    assert set(OPERATIONS) <= set(FUNCTIONS)
    used = {node.op for cell in (ODD, MEANS) for node in cell.representation.nodes}
    assert set(OPERATIONS) <= used, "or the cells above do not meet all of them"


def test_infinities_go_on_without_a_warning(random: np.random.Generator) -> None:
    cell = EquationsSpec(kind="equations", equations="h' = exp(W @ x) / (h - h) + log(U @ h)")
    network = network_of(model_of(cell, random))
    outputs, _ = network.read(np.zeros((3, 1), np.int64), network.initial_state(1))
    assert not np.isfinite(outputs).any()


def test_what_depends_on_weights_alone_is_computed_once() -> None:
    representation = ODD.representation
    shapes = {p.name: p.shape(3, 5) for p in representation.parameters}
    evaluation = Evaluation(representation.nodes, {name: np.ones(shape) for name, shape in shapes.items()})
    computed = {node.op for _, node, _ in evaluation._steps}
    assert {"read", "state", "@", "gate"} <= computed
    known = [node for node, value in zip(representation.nodes, evaluation._known, strict=True) if value is not None]
    assert {"sigmoid", "/"} <= {node.op for node in known}


def test_the_network_of_a_checkpoint_is_that_of_its_model(random: np.random.Generator) -> None:
    model = model_of(CLASSIC[-1], random).float()
    network = network_of(model)
    assert isinstance(network, Network)
    assert network.precision == np.float32
    model.bias_head.data.zero_()
    assert network.weights["bias_head"].any(), "its weights are its own"
