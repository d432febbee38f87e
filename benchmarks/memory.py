"""What each gate buys: the accuracy of delayed recall of every cell against the lag.

python -m benchmarks.memory [--lags 2 5 10 20 40 80] [--width 1] [--epochs 40] [--repeats 3] [--svg FILE]

For each lag the service makes up a corpus and trains examples/memory.yaml on it; each run is asked for the symbols of
1,000 lines drawn anew.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks import tables
from benchmarks.curves import svg
from benchmarks.installation import installation
from client import specfile
from client.api import Gatelab
from client.formats import cell
from gatelab.specs import CopySpec, RecallSpec
from gatelab.text.memory import line_length

EXAMPLE = Path(__file__).parent.parent / "examples" / "memory.yaml"

Curves = dict[str, dict[int, list[float]]]
"""Cell -> lag -> the accuracy of each seed."""


def main() -> None:
    arguments = _arguments()
    trained, beyond = Curves(), Curves()
    with installation(arguments.threads) as gatelab:
        for lag in arguments.lags:
            for name, accuracies in measure(gatelab, lag, arguments).items():
                for curves, which in ((trained, 0), (beyond, 1)):
                    curves.setdefault(name, {})[lag] = [pair[which] for pair in accuracies]
                shown = ", ".join(f"{own:.1%} ({twice:.1%})" for own, twice in accuracies)
                print(f"lag {lag} (twice as long), {name}: {shown}", flush=True)
    print("\nAt the lag of training:\n")
    report(trained, arguments.lags)
    print("At twice that lag, which was not trained:\n")
    report(beyond, arguments.lags)
    if arguments.svg:
        chance = 1 / RecallSpec(kind="recall", lag=0).symbols
        arguments.svg.write_text(svg(trained, "lag: characters of noise", "accuracy of recall", chance))


def measure(gatelab: Gatelab, lag: int, arguments: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """Cell -> the accuracies of each seed: at this lag, and at twice this lag."""
    width = arguments.width
    task = RecallSpec(kind="recall", lag=lag) if width == 1 else CopySpec(kind="copy", lag=lag, width=width)
    longer, name = task.model_copy(update={"lag": 2 * lag}), f"memory-{lag}"
    gatelab.make_corpus(name, task)
    changes = {
        "corpus": name,
        "training.num_steps": line_length(task),
        "training.epochs": arguments.epochs,
        "repeats": arguments.repeats,
    }
    spec = specfile.load(EXAMPLE, [f"{path}={value}" for path, value in changes.items()])
    job = gatelab.wait(gatelab.submit(spec).id)
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
    parser.add_argument("--width", type=int, default=1, help="symbols to copy; 1 is delayed recall")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--svg", type=Path, metavar="FILE", help="also draw the curves")
    return parser.parse_args()


if __name__ == "__main__":
    main()
