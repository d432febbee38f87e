"""What each gate is good for: every cell's accuracy in delayed recall against the lag.

python -m benchmarks.memory [--example memory] [--lags 2 5 10 20 40 80] [--width 1] [--epochs 40] [--repeats 5]
    [--threads 1] [--file docs/results/memory.csv] [--svg FILE]

For each lag it generates a corpus and trains an example on it, in this process, on the native engine. Then it tests how
many symbols of 1,000 new lines each run recalls. Runs that the file already has are not trained again.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.curves import svg
from benchmarks.published.experiments import ROOT
from benchmarks.published.memory import EXAMPLES, RecallResult, curves, name, read, recall, write
from benchmarks.published.training import Trained, train
from gatelab import gates
from gatelab.client import specfile
from gatelab.network import Network
from gatelab.reports.markdown import table_lines
from gatelab.specs import CopySpec, RecallSpec, RunSpec, SyntheticSpec
from gatelab.sweeps import expand
from gatelab.text.memory_tasks import corpus_text, line_length

LINES = 1000
"""The number of new lines on which a run is tested."""


def main() -> None:
    arguments = _arguments()
    found = read(arguments.file) if arguments.file and arguments.file.exists() else []
    for lag in arguments.lags:
        for rows in measure(found, lag, arguments):
            found = [*found, *rows]
            for row in rows:
                shown = f"{row.recall:.1%} ({row.recall_at_twice_the_lag:.1%})"
                print(f"lag {lag} (twice as long), {row.cell}, seed {row.seed}: {shown}", flush=True)
            if arguments.file:
                write(arguments.file, found)
    print("\nAt the lag of training:\n", *table_lines(recall(found)), sep="\n")
    print("\nAt twice that lag, on which nothing was trained:\n", *table_lines(recall(found, twice=True)), sep="\n")
    if arguments.svg:
        chance = 1 / RecallSpec(kind="recall", lag=0).symbols
        arguments.svg.write_text(svg(curves(found), "lag: characters of noise", "accuracy of recall", chance))


def measure(found: Sequence[RecallResult], lag: int, arguments: argparse.Namespace) -> Iterator[list[RecallResult]]:
    """Train the runs of this lag that the file lacks, pack by pack."""
    width = arguments.width
    task = RecallSpec(kind="recall", lag=lag) if width == 1 else CopySpec(kind="copy", lag=lag, width=width)
    changes = {
        "training.num_steps": line_length(task),
        "training.epochs": arguments.epochs,
        # Gate statistics are the most expensive part of an epoch here, and nothing uses them.
        "training.gate_statistics": "false",
        "repeats": arguments.repeats,
    }
    there = {(row.width, row.lag, row.cell, row.seed, row.epochs) for row in found}
    file = ROOT / "examples" / f"{arguments.example}.yaml"
    job = specfile.load(file, [f"{path}={value}" for path, value in changes.items()])
    missing = [
        run
        for run in expand(job, 10_000)
        if (width, lag, name(run), run.training.seed, run.training.epochs) not in there
    ]
    specs = dict(enumerate(sorted(missing, key=lambda run: run.training.seed)))
    for pack in train(specs, corpus_text(task), arguments.threads):
        yield [_remembered(specs[number], task, trained) for number, trained in pack.items()]


def _remembered(spec: RunSpec, task: SyntheticSpec, trained: Trained) -> RecallResult:
    if trained.error or trained.last is None:
        raise RuntimeError(f"a run failed: {trained.error}")
    trainer, longer = trained.trainer, task.model_copy(update={"lag": 2 * task.lag})
    network = Network.of(trainer.checkpoint())
    own, twice = (gates.recall(network, trainer.data.tokenizer, asked, LINES).accuracy for asked in (task, longer))
    return RecallResult(
        width=task.shown,
        lag=task.lag,
        cell=name(spec),
        seed=spec.training.seed,
        epochs=trainer.position.epoch,
        parameters=len(trainer.member.parameters),
        validation_loss=trained.last.validation_loss,
        recall=own,
        recall_at_twice_the_lag=twice,
        seconds=trainer.position.seconds,
        trained_together=trained.together,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--example", choices=EXAMPLES, default="memory", help="the job of examples/ to train")
    parser.add_argument("--lags", type=int, nargs="+", default=[2, 5, 10, 20, 40, 80], help="noise characters")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--width", type=int, default=1, help="symbols to copy; 1 is delayed recall")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5, help="seeds of each cell")
    parser.add_argument(
        "--file",
        type=Path,
        metavar="CSV",
        help="store each run as soon as it has ended; skip the runs that the file has",
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="also draw the curves")
    return parser.parse_args()


if __name__ == "__main__":
    main()
