"""Time to a validation loss on tiny Shakespeare: training on the first 90 % of the text, scoring on the last 10 %.

python -m benchmarks.shakespeare tinyshakespeare.txt [--only NAME ...] [--seeds 0 1 2] [--threads 2] ...

Prints a row per contestant: its best loss and when it reached it, and the seconds until its loss first was at most each
of the targets, medians over the seeds. --file CSV also stores every score, and keeps the scores that the file has.
"""

import argparse
import math
from pathlib import Path

from benchmarks.idle_machine import warn_if_busy
from benchmarks.published.shakespeare import Score, read, times, write
from benchmarks.shakespeare.contestants import PEERS, Contestant, How, contestants
from gatelab.reports.markdown import table_lines


def main() -> None:
    known = contestants()
    options = _arguments(list(known))
    warn_if_busy()
    text = options.text.read_text(encoding="utf-8")
    found = read(options.file) if options.file and options.file.exists() else []
    for name in options.only:
        for seed in options.seeds:
            how = How(options.threads, options.every)
            most = options.seconds if name in PEERS else math.inf
            scores = run(known[name], name, text, seed, how, most)
            found = [score for score in found if (score.contestant, score.seed) != (name, seed)] + scores
            if options.file:
                write(options.file, found)
    print("\n".join(table_lines(times(found))))


def run(contestant: Contestant, name: str, text: str, seed: int, how: How, seconds: float) -> list[Score]:
    """All scores of one training, which ends on its own or after `seconds`."""
    scores = []
    for at, loss in contestant(text, seed, how):
        scores.append(Score(contestant=name, seed=seed, seconds=at, validation_loss=loss))
        print(f"{name}, seed {seed}: {loss:.4f} after {at:.0f} s", flush=True)
        if at >= seconds:
            break
    return scores


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shakespeare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", type=Path, help="tiny Shakespeare (Karpathy 2015), 1,115,394 characters")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=100, help="steps of a peer between two evaluations")
    parser.add_argument(
        "--seconds", type=float, default=600.0, help="time after which a peer stops; a recipe runs to its end"
    )
    parser.add_argument("--file", type=Path, metavar="CSV")
    return parser.parse_args()


if __name__ == "__main__":
    main()
