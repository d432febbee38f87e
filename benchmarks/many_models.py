"""One service with many models: how soon a cold model answers, and how many requests per second are answered.

python -m benchmarks.many_models [--models 1000] [--hidden 32 256] [--clients 16] [--tokens 50] [--seconds 10]

Every model is a run with its own weights, all in one SQLite database. Clients request texts without a pause, each time
from a model drawn at random, and then all from one model. --rounds repeats both.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
from pydantic import SecretStr

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.installation import PATIENCE, mebibytes, service_alone
from gatelab.checkpoint import Checkpoint, Position
from gatelab.model import LanguageModel, network_of
from gatelab.settings import Settings
from gatelab.specs import JobSpec, RunSpec, parse
from gatelab.store import Claim, Report, State, Store
from gatelab.store.migrate import upgrade
from gatelab.sweeps import expand
from gatelab.text import Corpus, prepare
from gatelab.text.tokenizers import Tokenizer

TEXT = "the time traveller was expounding a recondite matter to us. " * 40
COLD = 100
"""The number of models from which one token each is requested for the first time."""
RUNS_PER_JOB = 100


def main() -> None:
    options = _arguments()
    warn_if_busy()
    header = ["hidden", "models", "cold, first token p50", "p99", "asked for", "requests/s", "p50", "p99", "MiB"]
    tables.show(header, (row for hidden in options.hidden for row in measured(hidden, options)))


def measured(hidden: int, options: argparse.Namespace) -> Iterator[list[object]]:
    """The rows for one size of model: requests to all of the models, and requests to one of them."""
    with installation(hidden, options.models) as (settings, runs), service_alone(settings) as (url, process):
        cold = asyncio.run(ask_in_turn(url, runs[:COLD]))
        asked = {"all": runs, "one": runs[:1]}
        found: dict[str, list[Sequence[float]]] = {name: [] for name in asked}
        for _ in range(options.rounds):
            for name, some in asked.items():
                found[name].append(asyncio.run(ask_at_once(url, some, options)))
        for name, rounds in found.items():
            rate = statistics.median(len(times) / options.seconds for times in rounds)
            together = [seconds for times in rounds for seconds in times]
            first, last = ["", "", "", ""], ""
            if name == "all":
                first = [str(hidden), str(options.models), *milliseconds(cold)]
                last = f"{mebibytes(process):.0f}"
            yield [*first, name, f"{rate:,.0f}", *milliseconds(together), last]


def milliseconds(seconds: Sequence[float]) -> list[str]:
    """The median and the 99th percentile."""
    last = statistics.quantiles(seconds, n=100, method="inclusive")[98]
    return [f"{1000 * value:.1f} ms" for value in (statistics.median(seconds), last)]


@contextmanager
def installation(hidden: int, models: int) -> Iterator[tuple[Settings, list[str]]]:
    """Make a database with this many finished runs. Returns their ids in a random order."""
    with tempfile.TemporaryDirectory(prefix="gatelab-benchmark-") as folder:
        url = SecretStr(f"sqlite:///{folder}/gatelab.db")
        settings = Settings(database_url=url, data_dir=Path(folder), device="cpu", threads=1)
        upgrade(settings)
        with Store(settings) as store:
            store.corpora.add("words", TEXT)
            runs = [
                run for seed in range(0, models, RUNS_PER_JOB) for run in add_runs(store, hidden, models - seed, seed)
            ]
        yield settings, random.Random(0).sample(runs, len(runs))


def add_runs(store: Store, hidden: int, most: int, seed: int) -> Iterator[str]:
    """The ids of the runs of one job, each with a checkpoint of its own initial values."""
    model, training = {"cell": {"kind": "gru", "hidden": hidden}}, {"seed": seed}
    spec = {"corpus": "words", "model": model, "training": training, "repeats": min(most, RUNS_PER_JOB)}
    job = parse(JobSpec, spec)
    runs = expand(job, RUNS_PER_JOB)
    store.jobs.create(job, store.corpora.get("words").id, runs)
    tokenizer = prepare(runs[0], Corpus("words", TEXT)).tokenizer
    for _ in runs:
        claim = store.claims.claim("benchmark")
        assert claim is not None, "a run is queued"
        yield finish(store, claim, tokenizer)


def finish(store: Store, claim: Claim, tokenizer: Tokenizer) -> str:
    """Make a run succeed with the initial values of its seed as its weights."""
    spec: RunSpec = claim.spec
    model = LanguageModel(spec.model, tokenizer.vocabulary)
    model.initialize(spec.training.seed)
    checkpoint = Checkpoint(spec, tokenizer, Position(step=1, epoch=1), network_of(model).weights)
    report = Report(step=1, epoch=1, checkpoint=checkpoint.to_bytes(), next_state=State.SUCCEEDED)
    store.claims.record(claim, report)
    return claim.run_id


async def ask_in_turn(url: str, runs: Sequence[str]) -> list[float]:
    """Seconds until each of these models has generated a token."""
    async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        await ask(client, runs[0], 1)  # the very first request opens connections and imports modules
        return [await ask(client, run, 1) for run in runs[1:]]


async def ask_at_once(url: str, runs: Sequence[str], options: argparse.Namespace) -> list[float]:
    """Seconds of each answered request while all clients send requests without a pause."""
    times: list[float] = []
    ends = time.perf_counter() + options.seconds
    draw = random.Random(1)

    async def keep_asking(client: httpx2.AsyncClient) -> None:
        while time.perf_counter() < ends:
            times.append(await ask(client, draw.choice(runs), options.tokens))

    async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        await asyncio.gather(*(keep_asking(client) for _ in range(options.clients)))
    return times


async def ask(client: httpx2.AsyncClient, run: str, tokens: int) -> float:
    begun = time.perf_counter()
    answer = await client.post(f"/v1/runs/{run}/generate", json={"prompt": "the ", "max_tokens": tokens})
    answer.raise_for_status()
    return time.perf_counter() - begun


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--hidden", type=int, nargs="+", default=[32, 256])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
