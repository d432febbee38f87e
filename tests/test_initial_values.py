"""Initial values by kind, gate and letter, for every cell."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from gatelab.architecture import parameter_shapes
from gatelab.initial import initial_values
from gatelab.specs.model import ModelSpec
from tests.randomized import CELLS, cell_name

LSTM = {"kind": "lstm", "hidden": 6}
EQUATIONS = """
forget = sigmoid(W_f @ x + U_f @ h + b_f)
candidate = tanh(W_c @ x + U_c @ (forget * h) + b_c)
h' = forget * h + (1 - forget) * candidate
"""


def values(model: dict[str, Any], seed: int = 3, vocabulary: int = 11) -> dict[str, NDArray[np.float32]]:
    spec = ModelSpec.model_validate(model)
    return initial_values(spec, parameter_shapes(spec, vocabulary), seed)


def test_the_forget_gate_s_bias_is_one_line() -> None:
    plain, found = values({"cell": LSTM, "layers": 2}), values({"cell": LSTM, "layers": 2, "init": {"forget": 1.0}})
    changed = {name for name in plain if not np.array_equal(plain[name], found[name])}
    assert changed == {"cells.0.b_f", "cells.1.b_f"}
    assert all((found[name] == 1).all() for name in changed)


@pytest.mark.parametrize("gate", ["reset", "update"])
def test_a_gate_of_the_gru_is_set(gate: str) -> None:
    found = values({"cell": {"kind": "gru", "hidden": 5}, "init": {"bias": 0, "gates": {gate: -1.5}}})
    letter = {"reset": "b_r", "update": "b_z"}[gate]
    for name in ("b_r", "b_z", "b_c"):
        assert (found[f"cells.0.{name}"] == (-1.5 if name == letter else 0)).all(), name


def test_letters_and_gates_of_equations_are_set() -> None:
    init = {"recurrent": "orthogonal", "forget": 2.0, "letters": {"U_c": "identity", "W_f": {"uniform": 0.01}}}
    found = values({"cell": {"kind": "equations", "hidden": 7, "equations": EQUATIONS}, "init": init})
    assert (found["cells.0.b_f"] == 2).all()
    assert not (found["cells.0.b_c"] == 2).any()
    assert np.array_equal(found["cells.0.U_c"], np.eye(7))
    assert abs(found["cells.0.W_f"]).max() <= 0.01
    assert np.allclose(found["cells.0.U_f"] @ found["cells.0.U_f"].T, np.eye(7), atol=1e-6)


@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_recurrent_matrices_are_orthogonal_one_by_one(cell: Any) -> None:
    fields = cell.model_dump() | {"hidden": 9}
    found = values({"cell": fields, "layers": 2, "init": {"recurrent": "orthogonal"}})
    default = values({"cell": fields, "layers": 2})
    changed = [name for name in found if not np.array_equal(found[name], default[name])]
    assert changed
    for name in changed:
        matrix = found[name].astype(np.float64)
        assert np.allclose(matrix @ matrix.T, np.eye(9), atol=1e-6), name


@pytest.mark.parametrize(
    ("how", "deviation"),
    [({"normal": 0.3}, 0.3), ({"uniform": 0.3}, 0.3 / 3**0.5), ("xavier", (2 / 160) ** 0.5), ("he", (2 / 80) ** 0.5)],
)
def test_values_are_spread_as_asked(how: object, deviation: float) -> None:
    found = values({"cell": {"kind": "rnn", "hidden": 80}, "init": {"recurrent": how}})["cells.0.U"]
    assert found.std() == pytest.approx(deviation, rel=0.05)
    assert abs(found.mean()) < 0.05 * deviation


def test_kinds_are_told_apart() -> None:
    init = {"input": 0.1, "recurrent": 0.2, "head": 0.3, "embedding": 0.4, "bias": 0.5}
    found = values({"cell": {"kind": "gru", "hidden": 4, "reset": "after"}, "input": {"embedding": 3}, "init": init})
    kinds = {name: {round(float(each), 4) for each in np.unique(array)} for name, array in found.items()}
    head = {("embedding", 0.4), ("weight_head", 0.3), ("bias_head", 0.5)}
    letters = {"W": 0.1, "U": 0.2, "b": 0.5}
    expected = head | {(name, letters[name[8]]) for name in found if name.startswith("cells.")}
    assert {(name, *each) for name, each in kinds.items()} == expected


def test_the_two_forms_of_before_are_as_they_were() -> None:
    normal = values({"cell": LSTM, "init": {"normal": 0.01}})
    assert not normal["cells.0.b_f"].any()
    assert np.array_equal(
        values({"cell": LSTM})["weight_head"], values({"cell": LSTM, "init": "default"})["weight_head"]
    )
    assert np.array_equal(
        values({"cell": LSTM})["weight_head"], values({"cell": LSTM, "init": {"bias": 0}})["weight_head"]
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"cell": {"kind": "gru"}, "init": {"forget": 1}}, "no gate 'forget' .* it has reset, update"),
        ({"cell": {"kind": "rnn"}, "init": {"forget": 1}}, "it has none"),
        ({"cell": {"kind": "gru"}, "init": {"letters": {"U_q": "identity"}}}, "no letter 'U_q'"),
        ({"init": {"recurrent": "orthogonol"}}, "orthogonal"),
        ({"init": {"recurent": "orthogonal"}}, "recurent"),
        ({"init": {"bias": True}}, "number"),
    ],
)
def test_what_there_is_not_is_refused(model: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelSpec.model_validate(model)


def test_models_with_such_values_can_be_told_apart() -> None:
    specs = [ModelSpec.model_validate({"cell": LSTM, "init": {"gates": {"forget": bias}}}) for bias in (1, 1.0, 2)]
    assert len(set(specs)) == 2
