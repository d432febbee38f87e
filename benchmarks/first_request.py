"""What a service needs just after its start: its memory, and the time of its first requests for a model.

python -m benchmarks.first_request [--rounds 5]

Trains a short run. Then each round starts a service in a process of its own, and requests a text, a score and a trace
from it, each for the first time and then again. Prints medians.
"""

import argparse
import statistics
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
from benchmarks.installation import PATIENCE, mebibytes, service_alone
from gatelab.settings import Settings
from gatelab.specs import JobSpec, parse
from gatelab.store import Store
from gatelab.store.migrate import upgrade
from gatelab.sweeps import expand
from worker.slice import Slice

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
    """Name of a measurement -> milliseconds or MiB, in a service that was just started."""
    begun = time.perf_counter()
    with service_alone(settings) as (url, process), httpx2.Client(base_url=url, timeout=PATIENCE) as client:
        found = {"start, ms": 1000 * (time.perf_counter() - begun)}
        found["memory when ready, MiB"] = mebibytes(process)
        for name, body in ASKED.items():
            for time_ in ("first", "again"):

                def ask(name: str = name, body: Any = body) -> None:
                    client.post(f"/v1/runs/{run}/{name}", json=body).raise_for_status()

                found[f"{name}, {time_}, ms"] = _timed(ask)
            found[f"memory after {name}, MiB"] = mebibytes(process)
    return found


def _timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
