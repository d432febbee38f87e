"""Time to a validation loss on tiny Shakespeare, first 90 % of the text to train, last 10 % to score.

python -m benchmarks.shakespeare tinyshakespeare.txt [--only NAME ...] [--seeds 0 1 2] [--threads 2] ...

Prints a row per contestant and seed: its best loss and when it had it, and the seconds until its loss first was at most
each of the targets. --csv FILE also writes every score.
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.shakespeare.contestants import Contestant, How, Score, contestants

TARGETS = (1.88, 1.60, 1.50, 1.47)
"""Nats per character. 1.88 and 1.4697 are what nanoGPT's README reports of its settings for a CPU and for a GPU."""


def main() -> None:
    known = contestants()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, help="tiny Shakespeare (Karpathy 2015), 1,115,394 characters")
    parser.add_argument("--only", nargs="+", choices=known, default=list(known), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=100, help="steps of a peer between two looks at the held-out text")
    parser.add_argument("--seconds", type=float, default=600.0, help="a peer that has no end ends after these")
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    warn_if_busy()
    text = options.text.read_text(encoding="utf-8")
    rows: list[tuple[str, int, Score]] = []

    def lines() -> Iterator[list[object]]:
        for name in options.only:
            for seed in options.seeds:
                scores = run(known[name], text, seed, How(options.threads, options.every), options.seconds)
                rows.extend((name, seed, score) for score in scores)
                yield [name, seed, *summary(scores)]

    tables.show(["contestant", "seed", "best", "after", *(f"to {target}" for target in TARGETS)], lines())
    if options.csv:
        write(options.csv, rows)


def run(contestant: Contestant, text: str, seed: int, how: How, seconds: float) -> list[Score]:
    """All scores of one training, which ends by itself or after `seconds`."""
    scores = []
    for score in contestant(text, seed, how):
        scores.append(score)
        if score.seconds >= seconds:
            break
    return scores


def summary(scores: Sequence[Score]) -> list[str | None]:
    """The best loss, when it was reached, and the seconds to each target; None where it was not reached."""
    best = min(scores, key=lambda score: score.loss)
    reached = [next((score.seconds for score in scores if score.loss <= target), None) for target in TARGETS]
    return [f"{best.loss:.4f}", *(None if at is None else f"{at:.0f} s" for at in (best.seconds, *reached))]


def write(file: Path, rows: Sequence[tuple[str, int, Score]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["contestant", "seed", "seconds", "validation_loss"])
        for name, seed, score in rows:
            writer.writerow([name, seed, f"{score.seconds:.1f}", f"{score.loss:.5f}"])


if __name__ == "__main__":
    main()
