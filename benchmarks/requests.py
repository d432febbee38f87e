"""Processor time of the service per request, next to a bare FastAPI route that reads one row with SQLAlchemy.

python -m benchmarks.requests [--old PATH] [--rounds 5] [--requests 300]

One client sends one request after the other over one connection on the loopback, with SQLite and API keys. The
benchmark counts the processor time of all threads of the server's process. `--old` names a checkout of an earlier
version, which is measured in the same rounds, without uvloop and httptools, since it did not depend on them.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.installation import free_port
from benchmarks.interleaving import in_turn, median_ratio
from benchmarks.serving import train, wait_for
from gatelab.client import local_server
from gatelab.client.api import Gatelab
from gatelab.settings import KEY_FILE

HIDDEN = 32
TOKENS = 1, 100, 4000
BARE, BARE_THREAD, NEW, OLD = "bare route", "bare route in a thread", "Gatelab", "Gatelab before"
UNLIMITED = {"GATELAB_LIMITS__REQUESTS_PER_SECOND": "1000000", "GATELAB_DEVICE": "cpu", "GATELAB_THREADS": "1"}


@dataclass(frozen=True)
class Ask:
    """A request that is sent repeatedly."""

    method: str
    path: str
    body: str | None = None


class Server:
    """A server's process, and a connection to it."""

    def __init__(self, port: int, process: int, key: str = "none") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._clock = (~process << 3) | 2  # Linux's clock of the processor time of a process, in nanoseconds
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ask(self, ask: Ask) -> None:
        """
        Raises:
            ValueError: the server refused the request.
        """
        self._connection.request(ask.method, ask.path, ask.body, self._headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise ValueError(f"{ask.method} {ask.path}: {answer.status} {said!r}")

    def milliseconds(self, ask: Ask, requests: int) -> float:
        """The mean processor time of this number of requests, after five uncounted ones on the same connection."""
        self._connection.close()  # the server closes a connection that was idle
        for _ in range(5):
            self.ask(ask)
        begun = time.clock_gettime(self._clock)
        for _ in range(requests):
            self.ask(ask)
        return 1000 * (time.clock_gettime(self._clock) - begun) / requests


@dataclass(frozen=True)
class Installed:
    """A running version, and the requests to send to it."""

    server: Server
    asks: Mapping[str, Ask]
    database: Path
    job: str


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    with ExitStack() as stack:
        versions = {NEW: stack.enter_context(installed({}))}
        if arguments.old:
            versions[OLD] = stack.enter_context(installed(_as_it_was(stack, arguments.old)))
        port = free_port()
        bare = stack.enter_context(
            server("benchmarks.peers.bare_route", str(versions[NEW].database), str(port), port=port, probe="/hello")
        )
        rows = [_row(name, versions, bare, arguments) for name in versions[NEW].asks]
    beside = ["before : now"] if arguments.old else []
    tables.show(["", f"{NEW} : {BARE}", *beside, *versions, BARE, BARE_THREAD], rows)


def _row(name: str, versions: Mapping[str, Installed], bare: Server, arguments: argparse.Namespace) -> list[str]:
    """Processor time of one kind of request in each version, and of the bare routes, measured in turn."""
    requests = max(20, arguments.requests // (10 if "4000" in name else 1))
    gauges = {
        version: lambda made=made: made.server.milliseconds(made.asks[name], requests)
        for version, made in versions.items()
    }
    for label, path in ((BARE, "async"), (BARE_THREAD, "sync")):
        ask = Ask("GET", f"/{path}/{versions[NEW].job}")
        if name == "GET /healthz":
            ask = Ask("GET", "/hello")
        gauges[label] = lambda ask=ask: bare.milliseconds(ask, requests)
    found = in_turn(gauges, arguments.rounds)
    ratios = [median_ratio(found[NEW], found[BARE])]
    if OLD in found:
        ratios.append(median_ratio(found[OLD], found[NEW]))
    return [name, *map(tables.times, ratios), *(f"{statistics.median(each):.2f} ms" for each in found.values())]


@contextmanager
def installed(environment: Mapping[str, str]) -> Iterator[Installed]:
    """A service with a trained run, without worker and broker."""
    with ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatelab-benchmark-")))
        settings = {**UNLIMITED, **environment}
        with local_server.running(data_dir, settings) as url, Gatelab(url) as gatelab:
            run = train(gatelab, HIDDEN)
            job = gatelab.run(run).job
        port, key = free_port(), (data_dir / KEY_FILE).read_text().strip()
        told = {**settings, "GATELAB_DATA_DIR": str(data_dir), "GATELAB_BROKER_URL": "memory://"}
        with server("service", f"--port={port}", port=port, probe="/healthz", key=key, told=told) as found:
            yield Installed(found, _asks(job, run), data_dir / "gatelab.db", job)


def _asks(job: str, run: str) -> dict[str, Ask]:
    asks = {
        "GET /healthz": Ask("GET", "/healthz"),
        "GET /v1/jobs/{job}": Ask("GET", f"/v1/jobs/{job}"),
        "GET /v1/runs/{run}": Ask("GET", f"/v1/runs/{run}"),
        "GET /v1/runs/{run}/metrics": Ask("GET", f"/v1/runs/{run}/metrics"),
    }
    for tokens in TOKENS:
        body = json.dumps({"prompt": "the time ", "max_tokens": tokens, "seed": 1})
        asks[f"POST generate, {tokens}"] = Ask("POST", f"/v1/runs/{run}/generate", body)
    return asks


@contextmanager
def server(
    module: str, *arguments: str, port: int, probe: str, key: str = "none", told: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start a module that listens at this port, in a process of its own. Its log goes to a file, as in `gatelab up`."""
    command = [sys.executable, "-P" if told else "-u", "-m", module, *arguments]
    environment = {**os.environ, **(told or {})}
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, env=environment, stderr=log) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}{probe}", process)
            yield Server(port, process.pid, key)
        finally:
            process.terminate()


def _as_it_was(stack: ExitStack, checkout: str) -> dict[str, str]:
    """The environment of an earlier version, in which uvloop and httptools cannot be imported."""
    without = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatelab-without-")))
    for name in ("uvloop", "httptools"):
        (without / f"{name}.py").write_text("raise ImportError('not of this version')\n")
    return {"PYTHONPATH": f"{without}{os.pathsep}{Path(checkout).absolute()}"}


def _arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", metavar="PATH", help="a checkout of an earlier version")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=300, help="number of requests in each round")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
