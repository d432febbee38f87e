"""`gatelab demo`."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from gatelab.client import demo_corpus, local_server
from gatelab.client.api import Gatelab
from gatelab.client.credentials import running_port
from gatelab.client.errors import CannotRun
from gatelab.client.formatting import count
from gatelab.client.models import Run
from gatelab.client.output import print_line, print_note
from gatelab.client.watch import watch
from gatelab.errors import GatelabError
from gatelab.specs import JobSpec, parse

PREFIXES = ("the time traveller ", "it was ")
CHARACTERS = 200
SETTINGS = {"GATELAB_THREADS": "1"}
"""A model this small gains nothing from a second thread, and is slowed down by one if other programs run."""
PATIENCE_SECONDS = 5.0
"""The service runs on the same machine: if it is away for longer, it will not come back."""


def demo(
    data_dir: Annotated[
        Path, typer.Option(envvar="GATELAB_DATA_DIR", help="The directory with all data of Gatelab.")
    ] = Path("data"),
) -> None:
    """Train a GRU on a book and let it write, all on this machine, in about a minute.

    The corpus and the model are kept: `gatelab up` shows them on its page.
    """
    try:
        with ended_in_order(), installation(data_dir.expanduser()) as url:
            play(url)
    except KeyboardInterrupt:
        print_note("stopped; the demo's job is cancelled")
        return
    print_line(f"\nThe model is kept in {data_dir}: `gatelab up` shows it on a page.")


def play(url: str) -> None:
    """The demo on the Gatelab at `url`. A model that it has trained before is not trained again.

    Raises:
        CannotRun: the run fails.
    """
    corpus = demo_corpus.find()
    print_line(f"Corpus: {corpus.origin}")
    with Gatelab(url) as gatelab:
        gatelab.add_corpus(corpus.name, corpus.text)
        wanted = spec(corpus.name)
        if job := gatelab.plan(wanted).trained:
            print_line(f"Job {job} has trained this model before. `gatelab delete {job}` lets the demo train it again.")
        else:
            job = train(gatelab, wanted)
        run = next(gatelab.runs(job))
        if run.state != "succeeded":
            raise CannotRun(f"the run {run.state}" + (f": {run.error.message}" if run.error else ""))
        report(gatelab, run)


def train(gatelab: Gatelab, wanted: JobSpec) -> str:
    """Train the demo's job to its end. Returns its id. If the demo is stopped, the job is cancelled."""
    job = gatelab.submit(wanted).id
    try:
        return watch(gatelab, job, PATIENCE_SECONDS).id
    except BaseException:
        with suppress(GatelabError):
            gatelab.cancel(job)
        raise


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
def installation(data_dir: Path) -> Iterator[str]:
    """The address of the Gatelab of `data_dir`: one that is already running, or one that runs within this block.

    Raises:
        CannotRun: Gatelab does not start here.
    """
    if port := running_port(data_dir):
        url = f"http://127.0.0.1:{port}"
        print_line(f"Gatelab is already running: {url}")
        yield url
        return
    with local_server.running(data_dir, SETTINGS) as url:
        print_line(f"Gatelab is ready: {url}")
        yield url


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind the process, so that it stops what it started and deletes what it wrote."""
    ends = (signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, lambda number, _: sys.exit(128 + number)) for number in ends}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
