"""docs/exercises/gate-values.md agrees with the results of its script, and a trained network with the page."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatelab.gates import recall
from gatelab.network import Network
from gatelab.specs import GruSpec
from gatelab.text.memory_tasks import drawn_anew

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "examples" / "gate_values.py"
PAGE = (ROOT / "docs" / "exercises" / "gate-values.md").read_text(encoding="utf-8")
FACTORS = re.search(r"between ([0-9.]+)\s+and\s+([0-9.]+)\s+times epsilon for twenty", PAGE)
"""The page's numbers for random weights."""


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_page_has_the_script_s_tables() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=True, cwd=ROOT)
    tables = done.stdout.strip().split("\n\n")
    assert len(tables) == 4
    for table in tables:
        assert table in PAGE


def test_the_answer_and_what_is_published(script: dict[str, Any]) -> None:
    answer, published = (script["measure"](GruSpec(kind="gru"), script[name]) for name in ("ANSWER", "PUBLISHED"))
    assert np.flatnonzero(answer.norms).tolist() == [4]
    assert answer.initial_state == 0
    assert np.flatnonzero(published.norms).tolist() == [3, 4]
    assert f"{published.norms[3]:.2f} for x_3, {published.norms[4]:.2f} for x_4" in PAGE


@pytest.mark.parametrize("weights", range(5))
def test_the_leak_is_proportional_to_epsilon(script: dict[str, Any], weights: int) -> None:
    def factor(epsilon: float) -> float:
        near = [(gate, at, abs(value - epsilon)) for gate, at, value in script["ANSWER"]]
        return float(script["leak"](script["measure"](GruSpec(kind="gru"), near, weights))) / epsilon

    assert factor(1e-4) == pytest.approx(factor(1e-6), rel=0.01)
    assert factor(1e-2) == pytest.approx(factor(1e-6), rel=0.15)


def test_the_factor_of_the_leak_depends_on_the_weights(script: dict[str, Any]) -> None:
    near = [(gate, at, abs(value - 1e-4)) for gate, at, value in script["ANSWER"]]
    factors = [script["leak"](script["measure"](GruSpec(kind="gru"), near, weights)) / 1e-4 for weights in range(20)]
    assert FACTORS is not None
    assert (f"{min(factors):.1f}", f"{max(factors):.1f}") == FACTORS.groups()


def test_a_trained_network_opens_for_the_symbol_and_keeps_it(script: dict[str, Any]) -> None:
    checkpoint = script["trained"](GruSpec(kind="gru", gates=("update",))).checkpoint()
    model, tokenizer, task = Network.of(checkpoint), checkpoint.tokenizer, script["TASK"]
    assert recall(model, tokenizer, task, 500).accuracy > 0.95
    lines = [tokenizer.encode("\n" + line).ids for line in drawn_anew(task, 20)]
    update, norms = script["remembered"](model, lines)
    noise = update[2 : 2 + task.lag].mean(axis=0)
    keeper = (noise - update[1]).argmax()
    # Processors with other instructions round differently, and train another network of the same kind.
    assert update[1, keeper] < 0.5
    assert noise[keeper] > 0.8
    assert norms[1] > norms[2 : 2 + task.lag].max(), "the symbol counts more than any noise"
