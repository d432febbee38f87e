"""Advice about cells that are valid, and the intervals from which it is derived."""

import numpy as np
import pytest
import torch

from gatelab.cells import Cell
from gatelab.equations import read
from gatelab.equations.advice import advice
from gatelab.equations.ranges import Range, ranges
from gatelab.equations.zoo import zoo

UNBOUNDED = {"indrnn", "irnn", "li_gru"}
"""Published cells with rectified units, whose authors bound the states by other means."""


@pytest.mark.parametrize("name", sorted(zoo()))
def test_published_cells_have_nothing_that_their_authors_did_not_mean(name: str) -> None:
    assert [(each.code, each.name) for each in advice(zoo()[name].representation)] == (
        [("may-overflow", "h")] if name in UNBOUNDED else []
    )


CENTRED = "a = W @ x + U @ h\nc = a - mean(a)\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("h' = tanh(W @ x + U @ h + b_1 + b_2)", [("redundant", "b_2")]),
        ("h' = tanh(W @ x + b_1 - (b_2 - U @ h))", [("redundant", "b_2")]),
        ("h' = tanh(W @ x + V @ x + U @ h)", [("redundant", "V")]),
        ("h' = tanh(W @ x + U @ h + V @ h)", [("redundant", "V")]),
        ("vector p\nh' = tanh(W @ x + U @ h + b * p)", []),
        ("p = W @ x + b_1\nh' = tanh(p + b_2) + tanh(p + U @ h)", []),
        ("g = sigmoid(relu(W @ x))\nh' = g * h + (1 - g) * tanh(V @ x)", [("never-closes", "g")]),
        ("g = sigmoid(-relu(W @ x))\nh' = g * h + (1 - g) * tanh(V @ x)", [("never-opens", "g")]),
        ("gate g = exp(W @ x)\nh' = tanh(g * h)", [("no-share", "g")]),
        ("gate g = min(max(W @ x, 0), 1)\nh' = g * h", []),
        ("h' = W @ x + U @ h", [("may-overflow", "h")]),
        ("h' = h * h + W @ x", [("may-overflow", "h")]),
        ("h' = h + W @ x", []),
        ("g = sigmoid(W @ x)\nh' = h + g * (tanh(V @ x) - h)", []),
        ("g = sigmoid(W @ x)\nh' = (tanh(V @ x) - h) * g + h", []),
        ("g = sigmoid(W @ x)\nh' = h - g * (h - tanh(V @ x))", []),
        ("g = sigmoid(W @ x)\nh' = h + g * (h - tanh(V @ x))", [("may-overflow", "h")]),
        ("c' = exp(c) + W @ x\nh' = tanh(c')", [("may-overflow", "c")]),
        ("h' = h / h + W @ x", [("not-finite", "h")]),
        ("h' = W @ x + mean(h)", []),
        ("h' = W @ x + h + mean(h)", [("may-overflow", "h")]),
        (f"{CENTRED}h' = c / sqrt(mean(c * c) + 0.00001)", []),
        (f"{CENTRED}h' = 3 * b * c / sqrt(mean(c * c) + 0.00001) + b_1", []),
        (f"{CENTRED}h' = c / (0.1 + sqrt(mean(c * c)))", []),
        (f"{CENTRED}h' = c / sqrt(mean(c * c))", []),
        (f"{CENTRED}h' = c / sqrt(mean(a * a) + 0.00001)", [("may-overflow", "h")]),
        (f"{CENTRED}h' = c / sqrt(mean(c * c) - 0.00001)", [("may-overflow", "h")]),
        ("a = U @ h\nc = a - mean(a)\nh' = W @ x + c / sqrt(mean(c * c))", [("not-finite", "h")]),
        ("gate g = mean(tanh(W @ x + U @ h))\nh' = g + tanh(V @ x)", [("no-share", "g")]),
        ("c' = log(c) + W @ x\nh' = tanh(c')", [("not-finite", "c")]),
    ],
)
def test_what_may_not_be_meant(text: str, found: list[tuple[str, str]]) -> None:
    assert [(each.code, each.name) for each in advice(read(text))] == found


def random_range(random: np.random.Generator) -> Range:
    low, high = sorted(random.normal(size=2).tolist())
    return low, high


EVERYTHING = """
vector p
a = W @ x - p * h
g = sigmoid(a)
c = min(silu(a) + gelu(a), softplus(a) - log_sigmoid(a)) * abs(a)
d = sin(a) + cos(a) * hard_sigmoid(a) + hard_tanh(a) * hard_tanh(a)
e = exp(tanh(a)) + log(1 + relu(a)) + sqrt(abs(a)) + 1 / (2 + tanh(a))
f = a - max(a, p) + relu(a) / (relu(a) + abs(p))
m = c - mean(c)
n = p * m / sqrt(mean(m * m) + 0.1) + relu(m) / (0.2 + sqrt(mean(relu(m) * relu(m)))) - mean(d)
k = g * c + (1 - g) * d - e * f + n
h' = k + (c - k) * g - g * (h - c) + (d - g * (d - e))
"""


def test_every_value_lies_in_its_range(random: np.random.Generator) -> None:
    cell = Cell(read(EVERYTHING), 1, 3).double()
    for _ in range(50):
        state, weights = random_range(random), random_range(random)
        found = ranges(cell.representation, {"h": state}, weights)
        for _ in range(20):
            for parameter in cell.parameters():
                parameter.data.copy_(torch.from_numpy(random.uniform(*weights, size=parameter.shape)))
            h = torch.from_numpy(random.uniform(*state, size=(1, 3)))
            (after,) = cell.update(cell.project(torch.ones(1, 1, 1, dtype=torch.float64))[0], (h,))
            low, high = found[cell.representation.after[0]]
            slack = 1e-9 * max(1.0, abs(low), abs(high))
            assert low - slack <= after.min().item()
            assert after.max().item() <= high + slack
