"""What is trained for the pages: a job of examples/, sometimes with other values."""

from collections.abc import Mapping
from pathlib import Path

from gatelab.client import specfile
from gatelab.specs import JobSpec

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "docs" / "results"

EXPERIMENTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "bfloat16": ("bfloat16", ("repeats=20",)),
    "gru-grid": ("gru-grid", ()),
    "gate-ablation": ("gate-ablation", ()),
    "gate-ablation-rates": ("gate-ablation-rates", ("grid.training.optimizer.lr=[2, 4]",)),
    "gru-scratch": ("gru-scratch", ()),
    "rnn-vs-gru": ("rnn-vs-gru", ()),
    "rnn-vs-gru-equal-parameters": ("rnn-vs-gru-equal-parameters", ()),
}
"""Name -> the example, and what is set otherwise."""


def job(name: str) -> JobSpec:
    """The job of an experiment."""
    example, settings = EXPERIMENTS[name]
    return specfile.load(ROOT / "examples" / f"{example}.yaml", settings)
