"""Which of the published cells hold up? All cells of the zoo on The Time Machine and on delayed recall.

python -m benchmarks.cell_zoo text --text timemachine.txt [--threads 1]
python -m benchmarks.cell_zoo recall [--threads 1]

Both first train the runs that choose each cell's learning rate, and then, with other seeds, the runs that are compared.
They train in this process, on the native engine. Each run is stored in a file of docs/results as soon as it has ended;
runs that the file has are not trained again. docs/results/cell-zoo.md shows the results.
"""

import argparse
from pathlib import Path

from benchmarks.published import zoo, zoo_plan
from benchmarks.published.experiments import RESULTS
from benchmarks.published.training import train
from benchmarks.published.zoo import AnyRow, RecallRow, TextRow, Trial
from gatelab.text.memory_tasks import corpus_text


def main() -> None:
    arguments = _arguments()
    if arguments.what == "text":
        measure_text(arguments.text.read_text(encoding="utf-8"), RESULTS / "cell-zoo.csv", arguments.threads)
    else:
        measure_recall(RESULTS / "cell-zoo-recall.csv", arguments.threads)


def measure_text(text: str, file: Path, threads: int) -> None:
    """Tune and compare on The Time Machine."""
    tuned = measure(Trial("tuning", 0, zoo_plan.tuning(), text), TextRow, file, threads)
    runs = zoo_plan.comparison(zoo.choose(tuned))
    measure(Trial("comparison", 0, runs, text), TextRow, file, threads)


def measure_recall(file: Path, threads: int) -> None:
    """Tune at one lag, and compare at all lags."""
    lag = zoo_plan.TUNED_LAG
    trial = Trial("tuning", lag, zoo_plan.recall_tuning(), corpus_text(zoo.task(lag)))
    choices = zoo.choose_recall(measure(trial, RecallRow, file, threads))
    for lag in zoo_plan.LAGS:
        trial = Trial("comparison", lag, zoo_plan.recall_comparison(choices, lag), corpus_text(zoo.task(lag)))
        measure(trial, RecallRow, file, threads)


def measure(trial: Trial, kind: type[AnyRow], file: Path, threads: int) -> list[AnyRow]:
    """Train the runs that the file lacks, write the file after each pack, and return all its rows."""
    found = zoo.read(file, kind)
    there = {row.key for row in found}
    missing = [run for run in trial.runs if trial.key_of(run) not in there]
    print(
        f"{trial.part}, lag {trial.lag}: {len(trial.runs) - len(missing)} of {len(trial.runs)} runs are done",
        flush=True,
    )
    for pack in train(dict(enumerate(missing)), trial.text, threads):
        rows: list[AnyRow] = [kind.of(trial, missing[number], trained) for number, trained in pack.items()]
        found += rows
        zoo.write(file, found)
        for row in rows:
            print(*row.key, row.state, f"epoch {row.epoch}, {row.seconds:.1f} s", flush=True)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cell_zoo")
    parser.add_argument("what", choices=["text", "recall"], help="text: The Time Machine; recall: delayed recall")
    parser.add_argument("--text", type=Path, help="The Time Machine as published with the book")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the native engine")
    arguments = parser.parse_args()
    if arguments.what == "text" and arguments.text is None:
        parser.error("text needs --text: The Time Machine as published with the book")
    return arguments


if __name__ == "__main__":
    main()
