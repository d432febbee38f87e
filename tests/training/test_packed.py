"""Checkpoints from the time when the classic cells had packed parameters can be read, and their runs continue.

For each file `packed/<name>.middle`, `<name>.end` is the end of that run, written by the version of that time.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from gatelab.checkpoint import METADATA, Checkpoint
from gatelab.checkpoint_letters import PACKED_FORMAT, by_letters
from gatelab.errors import CorruptCheckpoint
from gatelab.model import model_of
from gatelab.specs import CellSpec, GruSpec, ModelSpec
from gatelab.specs.packed_parameters import packed_letters
from gatelab.stopping_state import StoppingState
from gatelab.tensor_file import read_metadata
from gatelab.text import Corpus
from gatelab.training import train
from tests.randomized import CLASSIC, EQUATIONS, cell_name
from tests.training.runs import untimed

FOLDER = Path(__file__).parent / "packed"
NAMES = sorted(path.stem for path in FOLDER.glob("*.middle"))
TEXT = Corpus("text", (FOLDER / "text.txt").read_text())


def checkpoint(name: str) -> Checkpoint:
    return Checkpoint.from_bytes((FOLDER / name).read_bytes())


def arrays(named: Any) -> dict[str, Any]:
    return {name: np.asarray(value) for name, value in named.items()}


@pytest.mark.parametrize("engine", ["torch", "native"])
@pytest.mark.parametrize("name", NAMES)
def test_it_goes_on_and_ends_with_the_same_numbers(name: str, engine: Any) -> None:
    begun, expected = checkpoint(f"{name}.middle"), checkpoint(f"{name}.end")
    *_, last = train(begun.spec, TEXT, engine=engine, resume=begun)
    found = last.checkpoint()
    # That version did not store the state of early stopping.
    assert replace(untimed(found.position), standing=StoppingState()) == untimed(expected.position)
    for group in ("weights", "optimizer"):
        mine, theirs = arrays(getattr(found, group)), arrays(getattr(expected, group))
        assert mine.keys() == theirs.keys()
        for key, value in theirs.items():
            np.testing.assert_allclose(mine[key], value, rtol=2e-4, atol=2e-6, err_msg=key)


def test_the_files_have_every_cell_and_both_kinds_of_memory() -> None:
    specs = [checkpoint(f"{name}.middle").spec for name in NAMES]
    cells = {cell_name(spec.model.cell) for spec in specs}
    assert cells >= {cell_name(cell) for cell in CLASSIC if not _same_without_reset(cell)}
    assert {spec.training.optimizer.kind for spec in specs} == {"adam", "sgd"}
    assert all(checkpoint(f"{name}.middle").carried for name in NAMES)


def _same_without_reset(cell: CellSpec) -> bool:
    return isinstance(cell, GruSpec) and "reset" not in cell.gates and cell.reset == "after"


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_kept(name: str) -> None:
    """Joined again, the letters are bitwise identical to the packed parameters."""
    data = (FOLDER / f"{name}.middle").read_bytes()
    old, new = load(data), checkpoint(f"{name}.middle")
    blocks = packed_letters(new.spec.model.cell)
    weights = arrays(new.weights)
    for layer in range(2):
        for packed, letters in blocks.items():
            parts = [weights[f"cells.{layer}.{letter}"] for letter in letters]
            assert np.array_equal(np.concatenate(parts, axis=-1), old[f"weights.cells.{layer}.{packed}"])
    parameters = list(model_of(new).state_dict())
    moments = [key for key in old if key.startswith("optimizer.") and key.split(".")[2] != "step"]
    kinds = {key.split(".")[2] for key in moments}
    assert len(new.optimizer) == len(parameters) * (len(kinds) + (kinds != {"momentum_buffer"}))
    for key, value in arrays(new.optimizer).items():
        number, _, what = key.partition(".")
        if what != "step":
            assert value.shape == weights[parameters[int(number)]].shape
    assert sum(value.size for key, value in arrays(new.optimizer).items() if not key.endswith(".step")) == sum(
        old[key].size for key in moments
    )


def test_what_was_read_is_written_in_the_present_format() -> None:
    data = checkpoint("gru-before.middle").to_bytes()
    again = Checkpoint.from_bytes(data)
    assert PACKED_FORMAT not in read_metadata(data)[METADATA]
    assert "cells.1.U_z" in again.weights
    assert again.to_bytes() == data
    assert model_of(again).parameter_count() == sum(value.size for value in arrays(again.weights).values())


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.pop("weights.cells.0.bias"),
        lambda tensors: tensors.update({"weights.cells.0.bias": tensors["weights.cells.0.bias"][:4]}),
        lambda tensors: tensors.update({"weights.cells.1.weight_gates": np.zeros(9, np.float32)}),
        lambda tensors: tensors.update({"optimizer.99.exp_avg": np.zeros(9, np.float32)}),
        lambda tensors: tensors.update({"optimizer.x.exp_avg": np.zeros(9, np.float32)}),
    ],
)
def test_damaged_files_are_refused(change: Callable[[dict[str, Any]], object]) -> None:
    data = (FOLDER / "gru-before.middle").read_bytes()
    tensors = load(data)
    change(tensors)
    with pytest.raises(CorruptCheckpoint):
        model_of(Checkpoint.from_bytes(save(tensors, read_metadata(data))))


def test_equations_are_left_alone() -> None:
    tensors = {"cells.0.W_f": np.ones((4, 3))}, {"7.exp_avg": np.ones(3)}
    assert by_letters(ModelSpec(cell=EQUATIONS[0]), *tensors) == tensors
