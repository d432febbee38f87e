"""What the gates of a GRU do while it learns to remember: their activations epoch by epoch.

python -m benchmarks.gates_in_training [--lag 20] [--seeds 20] [--threads 1] [--file docs/results/gates-in-training.csv]

Trains examples/memory.yaml with the update gate alone and with both gates, in this process, on the native engine. At
some epochs each run is asked for the symbols of 1,000 fresh lines.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.published.experiments import ROOT
from benchmarks.published.memory import NAMES
from benchmarks.published.saturation import EPOCHS, Look, epochs, write
from gatelab import gates
from gatelab.client import specfile
from gatelab.network import Network
from gatelab.reports.markdown import table_lines
from gatelab.specs import RecallSpec, RunSpec
from gatelab.sweeps import expand
from gatelab.text import Corpus
from gatelab.text.memory_tasks import corpus_text, line_length
from gatelab.training import Evaluated, train

CELLS: dict[str, Sequence[str]] = {NAMES["gru update"]: ["update"], NAMES["gru"]: ["reset", "update"]}
LINES = 1000


def main() -> None:
    arguments = _arguments()
    task = RecallSpec(kind="recall", lag=arguments.lag)
    found: list[Look] = []
    for seed in range(arguments.seeds):
        for cell in CELLS:
            found += looks(cell, seed, task, arguments.threads)
        if arguments.file:
            write(arguments.file, found)
    print(*table_lines(epochs(found)), sep="\n")


def spec_of(cell: str, seed: int, task: RecallSpec) -> RunSpec:
    changes = [f"training.num_steps={line_length(task)}", "repeats=1", f"training.seed={seed}"]
    runs = expand(specfile.load(ROOT / "examples" / "memory.yaml", changes), 10_000)
    [run] = (run for run in runs if run.model.cell.kind == "gru" and list(run.model.cell.gates) == list(CELLS[cell]))
    return run


def looks(cell: str, seed: int, task: RecallSpec, threads: int) -> Iterator[Look]:
    spec = spec_of(cell, seed, task)
    for event in train(spec, Corpus(spec.texts.train, corpus_text(task)), engine="native", threads=threads):
        if isinstance(event, Evaluated) and event.position.epoch in EPOCHS:
            checkpoint = event.checkpoint()
            recalled = gates.recall(Network.of(checkpoint), checkpoint.tokenizer, task, LINES)
            [layer] = event.gates or ()
            yield Look(
                cell=cell,
                lag=task.lag,
                seed=seed,
                epoch=event.position.epoch,
                recall=recalled.accuracy,
                update_over=layer["update"].near_one,
                update_under=layer["update"].near_zero,
                reset_under=layer["reset"].near_zero if "reset" in layer else None,
            )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lag", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--file", type=Path, help="a CSV that gets a row for each run and epoch")
    return parser.parse_args()


if __name__ == "__main__":
    main()
