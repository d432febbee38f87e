"""The gate statistics of training equal those of a trace, over all tokens that are read."""

import numpy as np
import pytest
import torch

from gatelab.gates import across_units, saturation, trace
from gatelab.gates.saturation import MOST_TOKENS
from gatelab.model import network_of
from gatelab.specs import CellSpec, RnnSpec, RunSpec, parse
from gatelab.text import Corpus, Windows, prepare
from tests.gates.models import GATED, GRU, cells_of, held, random_model
from tests.randomized import cell_name
from tests.rounding import assert_rounded, rounding

TEXT = "abcab abcde edcba " * 20


def validation(num_steps: int = 7, text: str = TEXT, **training: object) -> Windows:
    spec = parse(RunSpec, {"corpus": "x", "training": {"num_steps": num_steps, **training}})
    return prepare(spec, Corpus("x", text)).validation


@pytest.mark.parametrize("spec", GATED, ids=cell_name)
def test_saturation_is_that_of_the_traces_of_all_windows(spec: CellSpec, random: np.random.Generator) -> None:
    model = random_model(spec, random).float()
    windows = validation()
    windows = Windows(windows.ids % 7, windows.starts, windows.ends, windows.num_steps, windows.per_batch, False)
    lengths = set((windows.ends - windows.starts).tolist())
    assert len(lengths) == 2, "one window is shorter: its padding must not count"
    pieces = [windows.ids[a:b] for a, b in zip(windows.starts, windows.ends, strict=True)]
    traces = [trace(network_of(model), ids, held(model, len(ids))) for ids in pieces]
    terms = windows.num_steps * sum(cell.inputs + cell.hidden for cell in cells_of(model))
    apart = rounding(terms, dtype=torch.float32)
    for layer, found in enumerate(saturation(network_of(model), windows)):
        assert list(found) == list(traces[0].layers[layer].gates)
        for name, measured in found.items():
            values = np.concatenate([t.layers[layer].gates[name] for t in traces]).astype(float)
            assert_rounded(measured.mean, values.mean(), terms=terms, scale=1, dtype=torch.float32)
            # An activation that rounding moves across a limit may or may not be counted.
            assert (values < 0.1 - apart).mean() <= measured.near_zero <= (values < 0.1 + apart).mean()
            assert (values > 0.9 + apart).mean() <= measured.near_one <= (values > 0.9 - apart).mean()


def test_a_cell_without_gates_has_none(random: np.random.Generator) -> None:
    windows = validation(text="ab" * 100)
    assert saturation(network_of(random_model(RnnSpec(kind="rnn"), random)), windows) == [{}, {}]


@pytest.mark.parametrize("carry", [False, True])
def test_a_long_text_is_looked_at_in_part(carry: bool, random: np.random.Generator) -> None:
    """Only the beginning of the text counts: the rest changes nothing."""
    model = random_model(GRU, random, layers=1).float()
    windows = validation(16, "abcde" * 40_000, carry_state=carry)
    assert len(windows.scored) > 4 * MOST_TOKENS
    ids = windows.ids.copy()
    count = MOST_TOKENS // 16
    read = np.zeros(len(ids), dtype=bool)
    for start in windows.starts[:count]:
        read[start : start + 16] = True
    ids[~read] = 2
    other = Windows(ids, windows.starts, windows.ends, 16, windows.per_batch, carry)
    assert saturation(network_of(model), windows) == saturation(network_of(model), other)


def test_statistics_across_units() -> None:
    found = across_units(np.array([[0.0, 0.05, 0.5, 0.95], [0.1, 0.9, 0.9, 0.1]]))
    assert found.mean.tolist() == [0.375, 0.5]
    assert found.near_zero.tolist() == [0.5, 0.0]
    assert found.near_one.tolist() == [0.25, 0.0]
    assert found.quantiles[2].tolist() == [0.275, 0.5]
    assert np.all(np.diff(found.quantiles, axis=0) >= 0)
