"""`gatelab demo`."""

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from client import demo_corpus, embedded
from client.api import Gatelab
from client.errors import CannotRun
from client.formats import count
from client.models import Run
from client.output import print_line, print_note
from client.watch import watch
from gatelab.specs import JobSpec, parse

PREFIXES = ("the time traveller ", "it was ")
CHARACTERS = 200
SETTINGS = {"GATELAB_THREADS": "1"}
"""A model this small gains nothing from a second thread, and loses much to it where other programs run."""
PATIENCE_SECONDS = 5.0
"""The service is next door: where it is away for longer, it will not come back."""


def demo(
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep everything here; by default it is deleted in the end.")
    ] = None,
) -> None:
    """Train a GRU on a book and let it write, all on this machine, in about a minute."""
    try:
        with ended_in_order(), folder(data_dir) as path:
            play(path)
    except KeyboardInterrupt:
        print_note("stopped; nothing is left running")


def play(data_dir: Path) -> None:
    """The demo in `data_dir`.

    Raises:
        CannotRun: Gatelab does not start here, or the run fails.
    """
    corpus = demo_corpus.find()
    print_line(f"Corpus: {corpus.origin}")
    with embedded.running(data_dir, SETTINGS) as url, Gatelab(url) as gatelab:
        print_line(f"Gatelab is ready: {url}")
        gatelab.add_corpus(corpus.name, corpus.text)
        job = watch(gatelab, gatelab.submit(spec(corpus.name)).id, PATIENCE_SECONDS)
        run = next(gatelab.runs(job.id))
        if run.state != "succeeded":
            raise CannotRun(f"the run {run.state}" + (f": {run.error.message}" if run.error else ""))
        report(gatelab, run)


def spec(corpus: str) -> JobSpec:
    """A GRU that writes readable words after half a minute on two cores."""
    data: dict[str, Any] = {
        "name": "demo",
        "corpus": corpus,
        "tokenizer": {"kind": "char", "normalize": "letters"},
        "model": {"cell": {"kind": "gru", "hidden": 192}, "input": {"embedding": 64}},
        "training": {
            "num_steps": 32,
            "batch_size": 64,
            "optimizer": {"kind": "adam", "lr": 5e-3},
            "epochs": 8,
            "sample": {"prefix": PREFIXES[0], "characters": 50},
        },
    }
    return parse(JobSpec, data)


def report(gatelab: Gatelab, run: Run) -> None:
    """Print how good the run is, and what it writes."""
    metrics = run.metrics
    print_line(
        f"Validation perplexity {metrics.validation_perplexity:.2f}, "
        f"{metrics.bits_per_character:.3f} bits per character, {count(metrics.tokens_per_second)} tokens/s"
    )
    for prefix in PREFIXES:
        text = gatelab.generate(run.id, prefix, max_tokens=CHARACTERS, temperature=0.5, seed=0).text
        print_line(f"\n> {prefix}{text}")


@contextmanager
def folder(data_dir: Path | None) -> Iterator[Path]:
    """`data_dir`, or a directory that is deleted afterwards."""
    if data_dir:
        yield data_dir
        return
    with tempfile.TemporaryDirectory(prefix="gatelab-demo-") as path:
        yield Path(path)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind the process, so that what it started is stopped and what it wrote deleted."""
    ends = (signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, lambda number, _: sys.exit(128 + number)) for number in ends}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
