"""The book's model: perplexity after Gatelab's training and after the textbook's, side by side, over several seeds.

python -m benchmarks.book_model --text timemachine.txt [--seeds 5] [--epochs 50] [--threads 2]
"""

import argparse
import statistics
from pathlib import Path

import torch

from benchmarks.idle_machine import warn_if_busy
from benchmarks.peers import textbook
from benchmarks.peers.textbook import Result
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
    print("| cell | lr | by | train perplexity | validation perplexity (min-max) | tokens/s |")
    print("|---|---|---|---|---|---|")
    for kind, lr in RATES.items():
        # Both take turns, so that a change in the machine's speed affects both.
        pairs = [
            tuple(run(kind, text, lr, arguments.epochs, seed) for run in (gatelab, textbook.run))
            for seed in range(arguments.seeds)
        ]
        for name, results in zip(("Gatelab", "textbook"), zip(*pairs, strict=True), strict=True):
            print(_row(kind, lr, name, list(results)))
        ratios = [ours.tokens_per_second / theirs.tokens_per_second for ours, theirs in pairs]
        print(f"| {kind} | | ratio | | | {statistics.median(ratios):.2f} x |")


def _row(kind: str, lr: float, name: str, results: list[Result]) -> str:
    validation = [result.validation_perplexity for result in results]
    return (
        f"| {kind} | {lr} | {name} | {statistics.mean(r.train_perplexity for r in results):.2f} "
        f"| {statistics.mean(validation):.2f} ({min(validation):.2f}-{max(validation):.2f}) "
        f"| {statistics.median(r.tokens_per_second for r in results):,.0f} |"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="The Time Machine as published with the book")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
