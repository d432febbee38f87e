"""Seconds of an epoch of each size in the exercises' grid: training and evaluation, one run at a time, in this process.

python -m benchmarks.grid_epochs --text timemachine.txt [--threads 1] [--epochs 5] [--file CSV] [--sizes 8/8 8/16]

The sizes take turns, epoch by epoch, so whatever slows the machine down for a while slows down all of them.
"""

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.grid import EXAMPLE, MAX_RUNS
from benchmarks.idle_machine import warn_if_busy
from benchmarks.interleaving import in_turn
from benchmarks.published.grid import Epoch, Size, seconds, write
from gatelab.client import specfile
from gatelab.reports.markdown import table_lines
from gatelab.specs import RunSpec
from gatelab.sweeps import expand
from gatelab.text import Corpus
from gatelab.training import Evaluated, train

RATE = 1.0
"""The learning rate of the runs that are timed. It changes the numbers of a step, but not how many there are."""


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    specs = {size: spec for size, spec in sizes().items() if not arguments.sizes or size in arguments.sizes}
    text = arguments.text.read_text(encoding="utf-8")
    measured = measure(specs, text, arguments.epochs, arguments.threads)
    if arguments.file:
        write(arguments.file, measured)
    print("Seconds of a run of 100 epochs:\n", *table_lines(seconds(measured)), sep="\n")


def sizes() -> dict[Size, RunSpec]:
    """One run of each size in the grid."""
    runs = [run for run in expand(specfile.load(EXAMPLE), MAX_RUNS) if run.training.optimizer.lr == RATE]
    return {Size(run.training.num_steps, run.model.cell.hidden): run for run in runs}


def measure(specs: dict[Size, RunSpec], text: str, epochs: int, threads: int) -> list[Epoch]:
    """Time this many epochs of every run. One before them is not timed: the caches are still cold."""
    runs = {size: epoch_seconds(spec, text, epochs + 1, threads) for size, spec in specs.items()}
    for run in runs.values():
        next(run)
    measured = in_turn({size: partial(next, run) for size, run in runs.items()}, epochs)
    return [
        Epoch(num_steps=size.num_steps, hidden=size.hidden, threads=threads, epoch=number, seconds=found)
        for size, of_size in measured.items()
        for number, found in enumerate(of_size, start=2)
    ]


def epoch_seconds(spec: RunSpec, text: str, epochs: int, threads: int) -> Iterator[float]:
    """The seconds of each epoch, with its evaluation, as a run's record counts them."""
    short = spec.model_copy(update={"training": spec.training.model_copy(update={"epochs": epochs})})
    before = 0.0
    for event in train(short, Corpus(short.texts.train, text), engine="native", threads=threads):
        if isinstance(event, Evaluated):
            yield event.position.seconds - before
            before = event.position.seconds


def _size(text: str) -> Size:
    num_steps, hidden = text.split("/")
    return Size(int(num_steps), int(hidden))


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grid_epochs", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--text", type=Path, required=True, help="The Time Machine as published with the book")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5, help="that are timed")
    parser.add_argument("--file", type=Path, metavar="CSV", help="keep the seconds of every epoch")
    parser.add_argument("--sizes", type=_size, nargs="+", metavar="num_steps/hidden", help="these alone")
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
