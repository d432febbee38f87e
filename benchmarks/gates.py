"""How long the gate lab takes over HTTP: traces of 1,000 characters and influences, for every cell.

python -m benchmarks.gates [--hidden 256] [--characters 1000] [--rounds 10] [--influence 500] [--threads 2]
"""

import argparse
import statistics
import time
from collections.abc import Callable

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.installation import installation
from gatelab.client.api import Gatelab
from gatelab.client.demo_corpus import python_topics

CELLS = (
    {"kind": "rnn"},
    {"kind": "gru", "gates": ["reset"]},
    {"kind": "gru", "gates": ["update"]},
    {"kind": "gru"},
    {"kind": "lstm"},
)


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    text = python_topics()
    with installation(arguments.threads) as gatelab:
        gatelab.add_corpus("text", text)
        piece = text[: arguments.characters]
        tables.show(
            ["cell", "first request", "JSON", "npz", f"influence on step {arguments.influence}"],
            (measure(gatelab, run, name, piece, arguments) for name, run in train(gatelab, arguments.hidden).items()),
        )


def train(gatelab: Gatelab, hidden: int) -> dict[str, str]:
    """Name of each cell -> a run of it that was trained briefly."""
    spec = {
        "corpus": "text",
        "training": {"epochs": 1, "sample": None, "windows": {"train": 64, "validation": 64}},
        "grid": {"model.cell": [cell | {"hidden": hidden} for cell in CELLS]},
    }
    job = gatelab.wait(gatelab.submit(spec).id)
    names = [f"{cell['kind']} {'+'.join(cell.get('gates', ()))}".strip() for cell in CELLS]
    return {name: run.id for name, run in zip(names, gatelab.runs(job.id), strict=True)}


def measure(gatelab: Gatelab, run: str, name: str, text: str, arguments: argparse.Namespace) -> list[str]:
    """A row of the table: seconds from the request to the answer as Python objects, or as bytes."""
    first = seconds(lambda: gatelab.gates(run, text))
    ways: tuple[Callable[[], object], ...] = (
        lambda: gatelab.gates(run, text),
        lambda: gatelab.gate_arrays(run, text),
    )
    medians = [statistics.median(seconds(way) for _ in range(arguments.rounds)) for way in ways]
    brief = {"output": arguments.influence}
    influence = seconds(lambda: gatelab.gates(run, text, influence=brief, values=False))
    return [name, *(f"{taken:.2f} s" for taken in (first, *medians, influence))]


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gates")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--characters", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--influence", type=int, default=500, metavar="STEP")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the worker")
    return parser.parse_args()


if __name__ == "__main__":
    main()
