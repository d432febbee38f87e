"""New random input for tests in every run, reproducible from the output of a failure."""

import os
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

from gatelab.equations.zoo import zoo
from gatelab.specs import CellSpec, EquationsSpec, GruSpec, LstmSpec, RnnSpec
from tests.rounding import assert_rounded, largest

CLASSIC: tuple[CellSpec, ...] = (
    RnnSpec(kind="rnn", activation="tanh"),
    RnnSpec(kind="rnn", activation="relu"),
    *(
        GruSpec(kind="gru", gates=gates, reset=reset)
        for gates in ((), ("reset",), ("update",), ("reset", "update"))
        for reset in ("before", "after")
    ),
    LstmSpec(kind="lstm"),
)
"""Every variant that has options instead of equations. The contract suite fails if one is missing."""

EQUATIONS: tuple[CellSpec, ...] = tuple(
    EquationsSpec(kind="equations", name=name, equations=zoo()[name].equations)
    for name in ("mgu", "fastgrnn", "slstm", "ln_gru")
)
"""Cells that are written as equations: with a gate used twice, with scalars, with four states, and with means."""

CELLS = CLASSIC + EQUATIONS


def cell_name(spec: CellSpec) -> str:
    """A name for the test's id, such as gru-reset-update-before."""
    match spec:
        case GruSpec(gates=gates, reset=reset):
            return "-".join(("gru", *gates, reset))
        case RnnSpec(activation=activation):
            return f"rnn-{activation}"
        case EquationsSpec(name=str(name)):
            return name
    return spec.kind


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A different number every time. pytest shows it with a failure; GATELAB_TEST_SEED=number repeats it."""
    known: int | None = getattr(request, "param", None)
    fresh = int(os.environ.get("GATELAB_TEST_SEED") or int.from_bytes(os.urandom(4), "little"))
    number = fresh if known is None else known
    print(f"GATELAB_TEST_SEED={number}")
    return number


def seeds(*known: int) -> pytest.MarkDecorator:
    """Decorates a test that takes `seed` or `random`: besides a new seed, it runs with those on which it once failed.

    A failure prints its GATELAB_TEST_SEED. When you have fixed the cause, add the number here: `@seeds(3037149237)`.
    """
    return pytest.mark.parametrize("seed", [None, *known], indirect=True, ids=["fresh", *map(str, known)])


@pytest.fixture
def random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def examples(count: int) -> settings:
    """Run a hypothesis test with this number of examples, in CI also with new input, however slow the machine is."""
    return settings(max_examples=count, deadline=None, derandomize=False, print_blob=True, database=None)


unicode_text = st.text(st.characters(exclude_categories=["Cs"]))
"""Any text that UTF-8 can encode, astral characters and NUL included."""


DIVISORS = frozenset({"n"})
"""States by which a cell divides, such as sLSTM's normaliser. They are above 0 after every step. Near 0, the quotient
can have any size, and a sum that cancels can have any relative error."""


def tensor(random: np.random.Generator, *shape: int) -> Tensor:
    """Normally distributed numbers in double precision."""
    return torch.from_numpy(random.normal(size=shape))


def random_states(random: np.random.Generator, names: Sequence[str], *shape: int) -> tuple[Tensor, ...]:
    """An initial state in double precision: normally distributed, but above 1/2 if the cell divides by it.

    Args:
        names: the cell's states.
        shape: of each of them.
    """
    numbers = {name: tensor(random, *shape) for name in names}
    return tuple(value.abs() + 0.5 if name in DIVISORS else value for name, value in numbers.items())


def randomize(module: torch.nn.Module, random: np.random.Generator, size: float = 1.0) -> None:
    """Make all parameters, biases included, double precision and normally distributed.

    Args:
        size: their standard deviation. Ten hidden units with weights of size 1 may be chaotic, and then a rounding
            error grows in the following steps; with weights of size 0.3 they forget.
    """
    module.double()
    for parameter in module.parameters():
        parameter.data.copy_(size * tensor(random, *parameter.shape))


TERMS = 1000
"""More terms than any path through the small cells and models that are compared in double precision adds up."""


def assert_close(found: object, expected: object) -> None:
    """Check that tensors or arrays, alone or in tuples, are equal up to rounding in small models in double precision.

    Weights and inputs are normally distributed, so the terms of sums have a size of 1, however small the result.
    """
    assert_rounded(found, expected, terms=TERMS, scale=max(1.0, largest(expected)), dtype=torch.float64)
