"""The NumPy program of a cell's equations computes the same as PyTorch."""

from typing import Any

import numpy as np
import pytest
import torch

from gatelab.cells import Cell
from gatelab.equations import read
from gatelab.equations.functions import ARGUMENTS
from gatelab.equations.zoo import zoo
from gatelab.export.cell_program import cell_program
from gatelab.export.script import script
from gatelab.specs import ModelSpec, parse
from tests.randomized import random, random_states, randomize, seed, tensor
from tests.rounding import assert_rounded

__all__ = ["random", "seed"]

EVERYTHING = (
    "scalar s = 2\nvector p\na = W @ x + U @ h + sqrt(2) * b\n"
    + "\n".join(
        f"f{place} = {name}({'0.1 + abs(a)' if name in ('log', 'sqrt') else 'a'}{', p' if count == 2 else ''})"
        for place, (name, count) in enumerate(ARGUMENTS.items())
    )
    + f"\nc' = {' + '.join(f'f{place}' for place in range(len(ARGUMENTS)))}"
    + "\nh' = tanh(-(s - 1) * U_2 @ (c' * p) / (1 + h * h) - max(1, 2))"
)
CELLS = {name: cell.equations for name, cell in zoo().items()} | {"everything": EVERYTHING}


def program_of(text: str) -> Any:
    """The function `cell` of the program for these equations, beside what the program defines itself."""
    whole = script(parse(ModelSpec, {"cell": {"kind": "equations", "equations": text}}))
    names: dict[str, Any] = {"__name__": "exported"}
    exec(compile(whole, "generate.py", "exec"), names)
    return names["cell"]


@pytest.mark.parametrize("name", CELLS)
def test_a_step_is_that_of_the_model(name: str, random: np.random.Generator) -> None:
    batch, inputs, hidden = (int(n) for n in random.integers(2, 6, size=3))
    cell = Cell(read(CELLS[name]), inputs, hidden)
    randomize(cell, random, size=0.5)
    x = tensor(random, batch, inputs)
    state = random_states(random, cell.states, batch, hidden)
    with torch.no_grad():
        expected = cell.update(cell.project(x[None])[0], state)
    weights = {letter: parameter.detach().numpy() for letter, parameter in cell.named_parameters()}
    found = program_of(CELLS[name])(weights, x.numpy().__matmul__, tuple(t.numpy() for t in state))
    # Numbers that are not part of an array, and the error function, are in single precision.
    assert_rounded(found, tuple(t.numpy() for t in expected), terms=100, scale=10, dtype=torch.float32)


@pytest.mark.parametrize("name", CELLS)
def test_the_program_stays_in_single_precision(name: str, random: np.random.Generator) -> None:
    cell = Cell(read(CELLS[name]), 3, 4)
    randomize(cell, random, size=0.5)
    weights = {letter: parameter.detach().float().numpy() for letter, parameter in cell.named_parameters()}
    state = tuple(np.full((1, 4), 0.5, np.float32) for _ in cell.states)
    found = program_of(CELLS[name])(weights, np.ones((1, 3), np.float32).__matmul__, state)
    assert {tensor.dtype for tensor in found} == {np.dtype(np.float32)}


def test_the_author_can_put_no_program_into_it() -> None:
    text = "vector exec, lambda_import_os\nh' = tanh(W @ x + exec * h) * lambda_import_os"
    lines = cell_program(read(text)).splitlines()
    assert [line for line in lines if "import" in line] == [lines[-1]]
    assert "w['exec']" in lines[-1]
    assert "w['lambda_import_os']" in lines[-1]
