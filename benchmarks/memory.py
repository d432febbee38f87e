"""What each gate buys: the accuracy of delayed recall of every cell against the lag.

python -m benchmarks.memory [--lags 2 5 10 20 40 80] [--threads 2] [--epochs 40] [--repeats 3] [--output FILE]

For each lag the service makes up a corpus and trains examples/memory.yaml on it; each run is asked for 1,000 symbols
on lines drawn anew.
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks import tables
from benchmarks.installation import installation
from client import specfile
from client.api import Gatelab
from client.formats import cell
from gatelab.specs import RecallSpec

EXAMPLE = Path(__file__).parent.parent / "examples" / "memory.yaml"

Curves = dict[str, dict[int, list[float]]]
"""Cell -> lag -> the accuracy of each seed."""


def main() -> None:
    arguments = _arguments()
    trained, beyond = Curves(), Curves()
    with installation(arguments.threads) as gatelab:
        for lag in arguments.lags:
            for name, accuracies in measure(gatelab, lag, arguments.epochs, arguments.repeats).items():
                for curves, which in ((trained, 0), (beyond, 1)):
                    curves.setdefault(name, {})[lag] = [pair[which] for pair in accuracies]
                shown = ", ".join(f"{own:.1%} ({twice:.1%})" for own, twice in accuracies)
                print(f"lag {lag} (twice as long), {name}: {shown}", flush=True)
    print("\nAt the lag of training:\n")
    report(trained, arguments.lags)
    print("At twice that lag, which was not trained:\n")
    report(beyond, arguments.lags)
    if arguments.output:
        arguments.output.write_text(json.dumps({"trained": trained, "beyond": beyond}))


def measure(gatelab: Gatelab, lag: int, epochs: int, repeats: int) -> dict[str, list[tuple[float, float]]]:
    """Cell -> the accuracies of each seed: at this lag, and at twice this lag."""
    task = RecallSpec(kind="recall", lag=lag)
    longer, name = task.model_copy(update={"lag": 2 * lag}), f"memory-{lag}"
    gatelab.make_corpus(name, task)
    changes = [f"corpus={name}", f"training.num_steps={lag + 4}", f"training.epochs={epochs}", f"repeats={repeats}"]
    job = gatelab.wait(gatelab.submit(specfile.load(EXAMPLE, changes)).id)
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for run in gatelab.runs(job.id):
        if run.state != "succeeded":
            raise RuntimeError(f"the run {run.state}: {run.error}")
        own, twice = (gatelab.recall(run.id, asked).accuracy for asked in (task, longer))
        found[cell(run.spec)].append((own, twice))
    return found


def report(curves: Curves, lags: Sequence[int]) -> None:
    """Means over the seeds, with the worst and the best seed where they differ."""
    tables.show(
        ["cell", *(f"lag {lag}" for lag in lags)],
        ([name, *(_cell(of_lag[lag]) for lag in lags)] for name, of_lag in curves.items()),
    )


def _cell(accuracies: Sequence[float]) -> str:
    mean, low, high = statistics.fmean(accuracies), min(accuracies), max(accuracies)
    return f"{mean:.0%}" + (f" ({low:.0%} to {high:.0%})" if f"{low:.0%}" != f"{high:.0%}" else "")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--lags", type=int, nargs="+", default=[2, 5, 10, 20, 40, 80], help="noise characters")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, metavar="FILE", help="also write the accuracies of all seeds as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
