"""What a training step costs in another version of Gatelab. Both versions train the same runs in turn.

git worktree add /tmp/before COMMIT && python /tmp/before/gatelab/scan/native/build.py
python -m benchmarks.versions /tmp/before --text timemachine.txt [--rounds 9] [--threads 1]

Prints the seconds of the training steps alone (medians of all rounds), and the median of the ratios within each round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.interleaving import in_turn, median_ratio

ROOT = Path(__file__).parent.parent

PROGRAM = """
import inspect, json, sys
from gatelab.specs import RunSpec, parse
from gatelab.text import Corpus
from gatelab.training import train
asked = json.load(sys.stdin)
how = {"threads": asked["threads"]} if "threads" in inspect.signature(train).parameters else {}
*_, last = train(parse(RunSpec, asked["spec"]), Corpus("text", asked["text"]), engine="native", **how)
print(last.position.training_seconds)
"""
"""It uses only what both versions have. Earlier versions take the number of threads from the environment."""

CHARACTERS = 60_000
SPECS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "GRU 32, SGD": ({"cell": {"kind": "gru", "hidden": 32}}, {"batch_size": 256, "epochs": 8}),
    "GRU 128, Adam": (
        {"cell": {"kind": "gru", "hidden": 128}},
        {"batch_size": 256, "epochs": 2, "optimizer": {"kind": "adam", "lr": 0.01}},
    ),
    "GRU 256, 1,024 rows, SGD": ({"cell": {"kind": "gru", "hidden": 256}}, {"batch_size": 1024, "epochs": 4}),
    "GRU 256, reset after, 1,024 rows, SGD": (
        {"cell": {"kind": "gru", "hidden": 256, "reset": "after"}},
        {"batch_size": 1024, "epochs": 4},
    ),
    "LSTM 128, 2 layers, dropout, SGD": (
        {"cell": {"kind": "lstm", "hidden": 128}, "layers": 2, "dropout": 0.2},
        {"batch_size": 256, "epochs": 1},
    ),
}
"""Name -> model and training, without fields that an earlier version lacks."""


def main() -> None:
    options = _arguments()
    warn_if_busy()
    text = options.text.read_text(encoding="utf-8")[:CHARACTERS]
    folders = {"before": options.before.absolute(), "now": ROOT}
    tables.show(["run", "now : before", "before", "now"], (row(name, folders, text, options) for name in SPECS))


def row(name: str, folders: Mapping[str, Path], text: str, options: argparse.Namespace) -> list[str]:
    model, training = SPECS[name]
    spec = {"corpus": "text", "model": model, "training": {"num_steps": 32, "sample": None} | training}
    asked = json.dumps({"spec": spec, "text": text, "threads": options.threads})
    gauges = {version: partial(seconds, folder, asked, options.threads) for version, folder in folders.items()}
    found = in_turn(gauges, options.rounds)
    ratio = median_ratio(found["now"], found["before"])
    return [name, tables.times(ratio), *(f"{statistics.median(found[version]):.3f} s" for version in folders)]


def seconds(folder: Path, asked: str, threads: int) -> float:
    """The seconds of all training steps of a run, in a process of its own that uses the version in this folder."""
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, input=asked, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="the folder of the other version")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
