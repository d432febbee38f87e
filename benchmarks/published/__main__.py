"""The command line of `benchmarks.published`."""

import argparse
from pathlib import Path

from benchmarks import published
from benchmarks.published import pages
from benchmarks.published.experiments import EXPERIMENTS, RESULTS, job
from benchmarks.published.measuring import known, measure


def main() -> None:
    arguments = _arguments()
    if arguments.what == "tables":
        for page in pages.pages():
            pages.rewrite(page)
        return
    text = arguments.text.read_text(encoding="utf-8")
    measure(job(arguments.what), RESULTS / f"{arguments.what}.csv", text, arguments.threads, known(text))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.published",
        description=published.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=[*EXPERIMENTS, "tables"], help="an experiment, or the tables of the pages")
    parser.add_argument("--text", type=Path, help="The Time Machine as published with the book")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.what != "tables" and arguments.text is None:
        parser.error("--text is needed to train: The Time Machine as published with the book")
    return arguments


if __name__ == "__main__":
    main()
