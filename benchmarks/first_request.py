"""What a service takes that has just started: memory, and the time of its first requests for a model.

python -m benchmarks.first_request [--rounds 5]

Trains a run of a moment, then starts a service of its own process in each round and asks it for a text, a score and a
trace, each for the first time and then again. Prints medians.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from gatelab.settings import Settings
from gatelab.specs import JobSpec, parse
from gatelab.store import Store
from gatelab.store.migrate import upgrade
from gatelab.sweeps import expand
from worker.slice import Slice

PATIENCE = 120
"""Seconds that a service may take to start."""
SPEC = {
    "corpus": "words",
    "model": {"cell": {"kind": "gru", "hidden": 256}},
    "training": {"epochs": 1, "num_steps": 32},
}
ASKED: dict[str, Any] = {
    "generate": {"prompt": "the ", "max_tokens": 1},
    "score": {"texts": ["the time machine"]},
    "gates": {"text": "the time machine", "influence": {"output": 9}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    warn_if_busy()
    found: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            database_url=SecretStr(f"sqlite:///{folder}/gatelab.db"), data_dir=Path(folder), device="cpu", threads=1
        )
        run = trained(settings)
        for _ in range(rounds):
            for name, number in measured(settings, run).items():
                found[name].append(number)
    tables.show(["what", "median"], ([name, f"{statistics.median(numbers):,.1f}"] for name, numbers in found.items()))


def trained(settings: Settings) -> str:
    """The id of a run with a checkpoint."""
    upgrade(settings)
    with Store(settings) as store:
        store.corpora.add("words", "the time traveller was expounding a recondite matter to us. " * 40)
        job = parse(JobSpec, SPEC)
        store.jobs.create(job, store.corpora.get("words").id, expand(job, 1))
        claim = store.claims.claim("benchmark")
        assert claim is not None, "a run is queued"
        Slice(store, settings, claim, lambda: False).run()
        return claim.run_id


def measured(settings: Settings, run: str) -> dict[str, float]:
    """Milliseconds and MiB by what they are of, in a service that was just started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "GATELAB_DATABASE_URL": settings.database_url.get_secret_value(),
        "GATELAB_DATA_DIR": str(settings.data_dir),
        "GATELAB_BROKER_URL": "memory://",
        "GATELAB_AUTH": "false",
    }
    begun = time.perf_counter()
    command = [sys.executable, "-m", "service", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as service:
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
                found = {"start, ms": _timed(lambda: _ready(client), begun)}
                found["memory when ready, MiB"] = _memory(service.pid)
                for name, body in ASKED.items():
                    for time_ in ("first", "again"):

                        def ask(name: str = name, body: Any = body) -> None:
                            client.post(f"/v1/runs/{run}/{name}", json=body).raise_for_status()

                        found[f"{name}, {time_}, ms"] = _timed(ask)
                    found[f"memory after {name}, MiB"] = _memory(service.pid)
            return found
        finally:
            service.terminate()


def _ready(client: httpx2.Client) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            if client.get("/healthz").is_success:
                return
        except httpx2.TransportError:
            time.sleep(0.02)
    raise TimeoutError(f"the service was not ready within {PATIENCE} seconds")


def _timed(action: Callable[[], object], begun: float | None = None) -> float:
    if begun is None:
        begun = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - begun)


def _memory(process: int) -> float:
    """MiB that a process has in memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
