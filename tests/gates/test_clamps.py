"""An invalid clamp is refused with its path and with the allowed values."""

import numpy as np
import pytest

from gatelab.errors import InvalidRequest
from gatelab.specs import CellSpec, ClampSpec, GruSpec, LstmSpec, RnnSpec, parse
from tests.gates.models import held, random_model

GRU = GruSpec(kind="gru", gates=("update",))


@pytest.mark.parametrize(
    ("cell", "clamp", "path", "message"),
    [
        (GRU, {"gate": "reset"}, "gate", "the run's cell has no gate 'reset'; its gates are update"),
        (LstmSpec(kind="lstm"), {"gate": "z"}, "gate", "its gates are input, forget, output"),
        (RnnSpec(kind="rnn"), {"gate": "update"}, "gate", "it has no gates"),
        (GRU, {"gate": "update", "at": [0, 8, 9]}, "at.2", "must be from 0 to 8 (got 9)"),
        (GRU, {"gate": "update", "units": [4, 5]}, "units.1", "must be from 0 to 4 (got 5)"),
        (GRU, {"gate": "update", "layer": 2}, "layer", "must be from 0 to 1 (got 2)"),
    ],
)
def test_what_is_not_there_cannot_be_held(
    cell: CellSpec, clamp: dict[str, object], path: str, message: str, random: np.random.Generator
) -> None:
    good = ClampSpec(gate="update", value=1)
    clamps = [good] if "update" in getattr(cell, "gates", ()) else []
    with pytest.raises(InvalidRequest) as refusal:
        held(random_model(cell, random), 9, *clamps, parse(ClampSpec, {"value": 0} | clamp))
    [problem] = refusal.value.problems
    assert problem.path == f"clamp.{len(clamps)}.{path}"
    assert message in problem.message


def test_all_faults_are_told_at_once(random: np.random.Generator) -> None:
    wrong = ClampSpec(gate="reset", at=(7,), value=0, layer=9)
    with pytest.raises(InvalidRequest) as refusal:
        held(random_model(GRU, random), 7, wrong, wrong)
    assert [p.path for p in refusal.value.problems] == [
        f"clamp.{n}.{path}" for n in range(2) for path in ("gate", "layer", "at.0")
    ]
