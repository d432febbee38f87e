"""Fresh random input for tests, reproducible from what a failure prints."""

import os

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

from gatelab.specs import CellSpec, GruSpec, LstmSpec, RnnSpec

CELLS: tuple[CellSpec, ...] = (
    RnnSpec(kind="rnn", activation="tanh"),
    RnnSpec(kind="rnn", activation="relu"),
    *(
        GruSpec(kind="gru", gates=gates, reset=reset)
        for gates in ((), ("reset",), ("update",), ("reset", "update"))
        for reset in ("before", "after")
    ),
    LstmSpec(kind="lstm"),
)
"""Every variant that can be asked for. The contract suite fails if one is missing."""


def cell_name(spec: CellSpec) -> str:
    """A name for the test's id, such as gru-reset-update-before."""
    match spec:
        case GruSpec(gates=gates, reset=reset):
            return "-".join(("gru", *gates, reset))
        case RnnSpec(activation=activation):
            return f"rnn-{activation}"
    return spec.kind


@pytest.fixture
def seed() -> int:
    """Another number every time. pytest shows it with a failure; GATELAB_TEST_SEED=number repeats it."""
    number = int(os.environ.get("GATELAB_TEST_SEED") or int.from_bytes(os.urandom(4), "little"))
    print(f"GATELAB_TEST_SEED={number}")
    return number


@pytest.fixture
def random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def examples(count: int) -> settings:
    """Run a hypothesis test so often, also in CI with fresh input, however slow the machine is."""
    return settings(max_examples=count, deadline=None, derandomize=False, print_blob=True, database=None)


unicode_text = st.text(st.characters(exclude_categories=["Cs"]))
"""Any text that UTF-8 can encode, astral characters and NUL included."""


def tensor(random: np.random.Generator, *shape: int) -> Tensor:
    """Normally distributed numbers in double precision."""
    return torch.from_numpy(random.normal(size=shape))


def randomize(module: torch.nn.Module, random: np.random.Generator) -> None:
    """Make all parameters double precision and normally distributed, biases too."""
    module.double()
    for parameter in module.parameters():
        parameter.data.copy_(tensor(random, *parameter.shape))


def assert_close(found: object, expected: object) -> None:
    """Tensors or arrays, alone or in tuples, equal but for rounding in double precision."""
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
