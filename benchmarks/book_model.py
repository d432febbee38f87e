"""The book's model: perplexity after Gatelab's training and after the textbook's, side by side, over several seeds.

python -m benchmarks.book_model --text timemachine.txt [--seeds 20] [--epochs 50] [--threads 1] [--file FILE]
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.idle_machine import warn_if_busy
from benchmarks.peers import textbook
from benchmarks.peers.textbook import Result
from benchmarks.published import book
from benchmarks.published.book import Training
from gatelab.reports.markdown import table_lines
from gatelab.specs import RunSpec, parse
from gatelab.text import Corpus
from gatelab.training import Evaluated, perplexity, train

RATES = {"gru": 4, "rnn": 1}


def gatelab(kind: str, text: str, lr: float, epochs: int, seed: int) -> Result:
    """Train the book's model with Gatelab's library."""
    spec = parse(
        RunSpec,
        {
            "corpus": "time-machine",
            "tokenizer": {"kind": "char", "normalize": "letters"},
            "model": {"cell": {"kind": kind, "hidden": textbook.HIDDEN}, "init": {"normal": 0.01}},
            "training": {
                "num_steps": textbook.STEPS,
                "batch_size": textbook.BATCH,
                "windows": {"stride": 1, "train": textbook.TRAIN, "validation": textbook.VALIDATION},
                "optimizer": {"kind": "sgd", "lr": lr},
                "clip_norm": 1.0,
                "epochs": epochs,
                "seed": seed,
            },
        },
    )
    events = train(spec, Corpus("time-machine", text), threads=torch.get_num_threads())
    *_, last = (event for event in events if isinstance(event, Evaluated))
    at = last.position
    return Result(
        perplexity(last.train_loss),
        perplexity(last.validation_loss),
        at.training_seconds,
        at.tokens / at.training_seconds,
    )


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    torch.set_num_threads(arguments.threads)
    text = arguments.text.read_text(encoding="utf-8")
    found: list[Training] = []
    for kind, lr in RATES.items():
        for seed in range(arguments.seeds):
            # Both take turns, so that a change in the machine's speed affects both.
            for by, run in ((book.OURS, gatelab), (book.THEIRS, textbook.run)):
                found.append(_training(kind, lr, by, seed, run(kind, text, lr, arguments.epochs, seed)))
            if arguments.file:
                book.write(arguments.file, found)
    print(*table_lines(book.results(found)), sep="\n")
    if arguments.seeds > 1:
        print(*table_lines(book.comparison(found)), sep="\n")
    for kind in RATES:
        print(f"{kind}: {_ratio(found, kind):.2f} times the textbook's tokens per second")


def _training(kind: str, lr: float, by: str, seed: int, result: Result) -> Training:
    return Training(
        cell=kind,
        lr=lr,
        by=by,
        seed=seed,
        train_perplexity=result.train_perplexity,
        validation_perplexity=result.validation_perplexity,
        tokens_per_second=result.tokens_per_second,
    )


def _ratio(found: Sequence[Training], kind: str) -> float:
    """The median over seeds of how many times as fast Gatelab is."""
    ours, theirs = (book.groups(found)[kind, by] for by in (book.OURS, book.THEIRS))
    return statistics.median(
        one.tokens_per_second / other.tokens_per_second for one, other in zip(ours, theirs, strict=True)
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="The Time Machine as published with the book")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--file", type=Path, help="a CSV that gets a row for each training")
    return parser.parse_args()


if __name__ == "__main__":
    main()
