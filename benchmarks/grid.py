"""The exercises' grid of 100 runs: the whole service, end to end, next to the notebook's loop.

python -m benchmarks.grid --text timemachine.txt --results grid.jsonl --data-dir grid-data --threads 2 --workers 2

Each measurement is appended to the results at once. An interrupted benchmark resumes from the results and from the job
in the data directory. The time during which it did not run does not count.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.installation import installation
from benchmarks.peers.notebook import Notebook
from benchmarks.peers.textbook import encode
from benchmarks.result_log import ResultLog
from gatelab.client import specfile
from gatelab.client.api import Gatelab
from gatelab.client.models import Run
from gatelab.specs import JobSpec
from gatelab.sweeps import expand

EXAMPLE = Path(__file__).parent.parent / "examples" / "gru-grid.yaml"
MAX_RUNS = 1000
LOOK_SECONDS, NOTE_SECONDS = 2.0, 10.0
PREFIX, SAMPLE = 6, 20
"""At the end of a run, the notebook reads the first number of characters, and generates the second."""

Shape = tuple[int, int]
"""num_steps and hidden."""


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    torch.set_num_threads(arguments.threads)
    text = arguments.text.read_text(encoding="utf-8")
    spec = specfile.load(arguments.spec, [f"training.epochs={arguments.epochs}"])
    settings = {name: getattr(arguments, name) for name in ("epochs", "threads", "workers")}
    log = ResultLog(arguments.results, settings)
    # The peer runs before and after the service, so that a change in the machine's speed affects both.
    if not arguments.only_service:
        measure_peer(log, "before", spec, text, arguments.peer_epochs)
    if not arguments.only_peer:
        measure_service(log, spec, text, arguments)
    if not arguments.only_service:
        measure_peer(log, "after", spec, text, arguments.peer_epochs)
    report(log, spec)


def shape_of(record: dict[str, Any]) -> Shape:
    """The shape of a record as a tuple, which JSON stores as a list."""
    num_steps, hidden = record["shape"]
    return num_steps, hidden


def shapes(spec: JobSpec) -> Counter[Shape]:
    """Shape -> the number of runs of the job that have it."""
    runs = expand(spec, MAX_RUNS)
    return Counter((run.training.num_steps, run.model.cell.hidden) for run in runs)


# -- The notebook -----------------------------------------------------------------------------------------------------


def measure_peer(log: ResultLog, when: str, spec: JobSpec, text: str, epochs: int) -> None:
    """Time some epochs of every shape, after one epoch to warm up, and the generation of a sample."""
    done = {shape_of(record) for record in log.of("peer") if record["when"] == when}
    ids, vocabulary = encode(text)
    for shape in shapes(spec):
        if shape not in done:
            seconds, sample = time_peer(Notebook(ids, vocabulary, *shape, lr=1.0), ids[:PREFIX], epochs)
            log.add("peer", when=when, shape=shape, epochs=seconds, sample=sample)


def time_peer(notebook: Notebook, prefix: Tensor, epochs: int) -> tuple[list[float], float]:
    """The seconds of each epoch, and of a sample."""
    notebook.epoch()
    return [timed(notebook.epoch) for _ in range(epochs)], timed(lambda: notebook.write(prefix, SAMPLE))


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


# -- The service ------------------------------------------------------------------------------------------------------


def measure_service(log: ResultLog, spec: JobSpec, text: str, arguments: argparse.Namespace) -> None:
    """Submit the grid, or find the job again, and wait for its end."""
    if next(log.of("runs"), None):
        return
    threads = max(1, arguments.threads // arguments.workers)
    with installation(threads, arguments.data_dir, arguments.workers) as gatelab:
        gatelab.add_corpus(spec.texts.train, text)
        begun = time.perf_counter()
        if (known := next(log.of("job"), None)) is None:
            log.add("job", id=gatelab.submit(spec).id)
            known = next(log.of("job"))
        _wait(log, gatelab, known["id"], begun)
        log.add("runs", runs=[_summary(run) for run in gatelab.runs(known["id"])])


def _summary(run: Run) -> dict[str, Any]:
    shape = run.spec["training"]["num_steps"], run.spec["model"]["cell"]["hidden"]
    return {"shape": shape, "state": run.state, "seconds": run.metrics.seconds}


def _wait(log: ResultLog, gatelab: Gatelab, job_id: str, begun: float) -> None:
    """Record the time since `begun` at intervals, and at the end."""
    session = 1 + max((record["session"] for record in log.of("time")), default=0)
    noted = 0.0
    while True:
        job = gatelab.job(job_id)
        seconds = time.perf_counter() - begun
        if job.finished or seconds - noted > NOTE_SECONDS:
            log.add("time", session=session, seconds=seconds, finished=job.runs.finished)
            print(f"{seconds:,.0f} s: {job.runs.finished} of {job.runs.total} runs", flush=True)
            noted = seconds
        if job.finished:
            return
        time.sleep(LOOK_SECONDS)


# -- The report -------------------------------------------------------------------------------------------------------


def report(log: ResultLog, spec: JobSpec) -> None:
    """Print the measurements so far."""
    runs = [run for record in log.of("runs") for run in record["runs"]]
    # A run that diverges ends early in Gatelab, and continues with NaN in the notebook. Only the other runs count.
    counted = Counter(shape_of(run) for run in runs if run["state"] == "succeeded") if runs else shapes(spec)
    service = sum({record["session"]: record["seconds"] for record in log.of("time")}.values())
    peer = peer_seconds(log, spec.training.epochs)
    rows: list[list[object]] = []
    if runs:
        states = ", ".join(f"{count} {state}" for state, count in Counter(run["state"] for run in runs).items())
        rows.append([f"Gatelab, measured: {states}", f"{service:,.0f} s", None])
    if peer.keys() >= counted.keys():
        total = sum(count * peer[shape] for shape, count in counted.items())
        epochs = sum(len(record["epochs"]) for record in log.of("peer"))
        what = f"the notebook's loop, projected from {epochs} epochs of {len(peer)} shapes to {counted.total()} runs"
        rows.append([what, f"{total:,.0f} s", tables.times(total / service) if runs else None])
    print(f"\n{sum(shapes(spec).values())} runs of {spec.training.epochs} epochs:\n")
    tables.show(["by", "wall time", "Gatelab is faster by"], rows)
    if runs and peer:
        print("Seconds of a run by num_steps (down) and hidden (across), the notebook's (projected) / Gatelab's:\n")
        tables.show(*by_shape(runs, peer))


def peer_seconds(log: ResultLog, epochs: int) -> dict[Shape, float]:
    """The seconds that the notebook takes for a run of each shape: its median epoch times the epochs, plus a sample."""
    found: dict[Shape, list[dict[str, Any]]] = {}
    for record in log.of("peer"):
        found.setdefault(shape_of(record), []).append(record)
    return {
        shape: epochs * statistics.median(seconds for record in records for seconds in record["epochs"])
        + statistics.median(record["sample"] for record in records)
        for shape, records in found.items()
    }


def by_shape(runs: list[dict[str, Any]], peer: dict[Shape, float]) -> tuple[list[str], Iterator[list[object]]]:
    """The header and the rows of a table of the shapes. Gatelab's time is the mean over learning rates."""
    ours: dict[Shape, list[float]] = {}
    for run in runs:
        if run["state"] == "succeeded":
            ours.setdefault(shape_of(run), []).append(run["seconds"])

    def cell(shape: Shape) -> str | None:
        return f"{peer[shape]:.0f} / {statistics.mean(ours[shape]):.0f}" if shape in ours and shape in peer else None

    lengths, widths = (sorted({shape[axis] for shape in peer}) for axis in (0, 1))
    return ["", *map(str, widths)], ([length, *(cell((length, width)) for width in widths)] for length in lengths)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="The Time Machine as published with the book")
    parser.add_argument("--results", type=Path, required=True, help="file of JSON lines, created if it is missing")
    parser.add_argument(
        "--data-dir", type=Path, help="data directory of the service; needed to resume after an interruption"
    )
    parser.add_argument("--spec", type=Path, default=EXAMPLE, help="the job with the grid")
    parser.add_argument(
        "--threads", type=int, default=2, help="CPU threads of the notebook, and of all workers together"
    )
    parser.add_argument("--workers", type=int, default=1, help="number of workers, which share the threads")
    parser.add_argument("--epochs", type=int, default=100, help="epochs of a run")
    parser.add_argument(
        "--peer-epochs", type=int, default=2, help="epochs for which the notebook is timed, twice per shape"
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--only-peer", action="store_true")
    only.add_argument("--only-service", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
