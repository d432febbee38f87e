"""Every benchmark runs to its end, here as briefly as possible, and prints its measurements."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.long

SHAPE = ("--shapes", "8/16/4")
QUICK = ("--rounds", "1", "--seconds", "0.01")

COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "training": (
        ("speed", "memory", "vocabularies", "--threads", "1", *QUICK, *SHAPE, "--cells", "gru, reset before"),
        "8/16/4",
    ),
    "generation": (("--threads", "1", *QUICK, "--shapes", "8/1", "8/4"), "8"),
    "gates": (
        ("--hidden", "8", "--characters", "20", "--rounds", "1", "--influence", "4", "--threads", "1"),
        "influence",
    ),
    "memory": (("--lags", "2", "--threads", "1", "--epochs", "1", "--repeats", "1"), "LSTM"),
    "gates_in_training": (("--lag", "2", "--seeds", "1", "--threads", "1"), "z over 0.9"),
    "serving": (("--clients", "2", "--tokens", "5", "--hidden", "8", "--rounds", "1"), "characters"),
    "page": (("--rounds", "1", "--seconds", "1"), "compressed"),
    "book_model": (("--text", "{text}", "--seeds", "1", "--epochs", "1", "--threads", "1"), "perplexity"),
    "shakespeare": (
        (
            "{text}",
            "--only",
            "nanoGPT's CPU setting",
            "torch.nn.LSTM 512",
            "minGRU 3 x 384",
            "--threads",
            "1",
            "--every",
            "1",
            "--seconds",
            "0",
        ),
        "minGRU",
    ),
    "grid_epochs": (("--text", "{text}", "--epochs", "1", "--sizes", "8/8"), "num_steps"),
    "submission": (("--text", "{text}", "--rounds", "1", "--threads", "1", "--epochs", "1"), "seconds"),
}
"""Benchmark -> its arguments, and a word of what it prints. `benchmarks.load` has a step of its own in `make long`."""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_benchmark_runs(name: str, tmp_path: Path, time_machine: str) -> None:
    (text := tmp_path / "timemachine.txt").write_text(time_machine, encoding="utf-8")
    arguments, word = COMMANDS[name]
    command = [sys.executable, "-m", f"benchmarks.{name}", *(each.format(text=text) for each in arguments)]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert word in done.stdout
