"""The book's GRU as a job over HTTP, from submission to end, next to the book's loop and to training alone.

python -m benchmarks.submission --text timemachine.txt [--rounds 5] [--threads 2] [--epochs 50]
"""

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from benchmarks import library_training, tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.installation import installation
from benchmarks.interleaving import median_ratio
from benchmarks.peers import textbook
from gatelab.client import specfile
from gatelab.client.api import Gatelab
from gatelab.client.models import Run
from gatelab.specs import JobSpec

EXAMPLE = Path(__file__).parent.parent / "examples" / "gru-scratch.yaml"

COLD, WARM, WORKER, BARE, BOOK = TITLES = (
    "Gatelab, submitted at once after `gatelab up`",
    "Gatelab, submitted to a worker that has trained before",
    "of which from the worker's claim to its last record",
    "the same training in a process of its own, without service and worker",
    "the book's loop, with its validations",
)


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    torch.set_num_threads(arguments.threads)
    text = arguments.text.read_text(encoding="utf-8")
    spec = specfile.load(EXAMPLE, ["repeats=1", f"training.epochs={arguments.epochs}"])
    rounds: list[Mapping[str, float]] = []
    for number in range(1, arguments.rounds + 1):
        rounds.append(measure(spec, text, arguments.threads, seed=number))
        print(f"round {number}: " + ", ".join(f"{seconds:.2f} s" for seconds in rounds[-1].values()), flush=True)
    report({title: [measured[title] for measured in rounds] for title in TITLES})


def measure(spec: JobSpec, text: str, threads: int, seed: int) -> dict[str, float]:
    """The seconds of each way to train the job's only run, measured in turn."""
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"seed": seed})})
    with installation(threads) as gatelab:
        gatelab.add_corpus(spec.texts.train, text)
        cold, _ = submit(gatelab, spec)
        warm, run = submit(gatelab, spec)
    # The worker's second training is compared with the second training of a process.
    *_, alone = library_training.measure(spec.base(), text, threads, repeats=2)
    if run.metrics.validation_perplexity != alone.validation_perplexity:
        raise ArithmeticError(f"{run.metrics.validation_perplexity} is not {alone.validation_perplexity}")
    book = textbook.run("gru", text, spec.training.optimizer.lr, spec.training.epochs, seed).seconds
    return dict(zip(TITLES, (cold, warm, in_worker(run), alone.seconds, book), strict=True))


def in_worker(run: Run) -> float:
    """Seconds from the first claim of a finished run to its last record."""
    assert run.started_at, "it was claimed"
    assert run.finished_at, "it has ended"
    return (run.finished_at - run.started_at).total_seconds()


def submit(gatelab: Gatelab, spec: JobSpec) -> tuple[float, Run]:
    """Seconds from the submission until this process knows that the job has ended, and the run."""
    begun = time.perf_counter()
    job = gatelab.wait(gatelab.submit(spec).id)
    seconds = time.perf_counter() - begun
    [run] = gatelab.runs(job.id)
    if run.state != "succeeded":
        raise RuntimeError(f"the run {run.state}: {run.error}")
    return seconds, run


def report(seconds: Mapping[str, Sequence[float]]) -> None:
    """Print the medians."""

    def row(title: str, took: Sequence[float]) -> list[object]:
        span = f"{statistics.median(took):.2f} s ({min(took):.2f}-{max(took):.2f})"
        return [title, span, tables.times(median_ratio(seconds[BOOK], took))]

    print()
    tables.show(["", "seconds (min-max)", "faster than the book's loop by"], (row(*item) for item in seconds.items()))
    for title in (WARM, WORKER):
        print(f"{title}: {median_ratio(seconds[title], seconds[BARE]) - 1:+.1%} of the bare training")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="The Time Machine as published with the book")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=50)
    return parser.parse_args()


if __name__ == "__main__":
    main()
