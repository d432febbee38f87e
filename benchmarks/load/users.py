"""What the clients of the load test do."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.load.requests import Client

TRAINING: dict[str, Any] = {"num_steps": 16, "batch_size": 32, "optimizer": {"kind": "adam", "lr": 0.01}, "epochs": 1}
SMALL: dict[str, Any] = {
    "corpus": "load",
    "model": {"cell": {"kind": "gru", "hidden": 16}},
    "training": TRAINING | {"windows": {"stride": 16, "train": 320, "validation": 64}},
}
"""A job with one run of ten steps."""
ENDLESS = SMALL | {"training": TRAINING | {"epochs": 100_000}}
"""A job that lasts longer than the test, with epochs over the whole corpus."""


@dataclass(frozen=True)
class Known:
    """What exists before the load begins: a job that has ended, and its run."""

    job: str
    run: str


class User:
    """Takes one action after the other, drawn at random with the probabilities in `SHARES`."""

    def __init__(self, client: Client, known: Known, seed: int) -> None:
        self._client, self._known, self._random = client, known, random.Random(seed)
        self._jobs = [known.job]

    async def work(self, until: float) -> None:
        """Continue until this time of `time.monotonic`."""
        actions, weights = zip(*SHARES.items(), strict=True)
        while time.monotonic() < until:
            [action] = self._random.choices(actions, weights)
            await action(self)

    async def submit(self) -> None:
        if answer := await self._client.ask("POST /v1/jobs", "POST", "/v1/jobs", json=SMALL):
            self._jobs.append(answer["id"])

    async def list(self) -> None:
        route = self._random.choice(["/v1/jobs", "/v1/runs", "/v1/corpora", "/v1/models"])
        limited = {"limit": 20} if route != "/v1/models" else {}
        await self._client.ask(f"GET {route}", "GET", route, params=limited)

    async def look(self) -> None:
        await self._client.ask("GET /v1/jobs/{job}", "GET", f"/v1/jobs/{self._random.choice(self._jobs)}")

    async def events(self) -> None:
        """Read the events of a job that has ended, so the stream ends, too."""
        await self._client.ask("GET /v1/jobs/{job}/events", "GET", f"/v1/jobs/{self._known.job}/events")

    async def generate(self) -> None:
        stream = self._random.random() < 0.5
        body = {"prompt": "The ", "max_tokens": 100, "stream": stream}
        route = f"POST /v1/runs/{{run}}/generate{' (stream)' if stream else ''}"
        await self._client.ask(route, "POST", f"/v1/runs/{self._known.run}/generate", json=body)


SHARES: dict[Callable[[User], Awaitable[None]], float] = {
    User.submit: 0.05,
    User.list: 0.25,
    User.look: 0.15,
    User.events: 0.2,
    User.generate: 0.35,
}


async def prepare(client: Client, text: str) -> Known:
    """Make a corpus and a trained run.

    Raises:
        RuntimeError: the run did not succeed.
    """
    await client.ask("POST /v1/corpora", "POST", "/v1/corpora", json={"name": "load", "text": text})
    job = (await client.ask("POST /v1/jobs", "POST", "/v1/jobs", json=SMALL))["id"]
    await client.ask("GET /v1/jobs/{job}/events", "GET", f"/v1/jobs/{job}/events")
    found = await client.ask("GET /v1/runs", "GET", "/v1/runs", params={"job": job})
    [run] = found["data"]
    if run["state"] != "succeeded":
        raise RuntimeError(f"the run {run['state']}: {run['error']}")
    # The first text loads the model, and PyTorch with it.
    path = f"/v1/runs/{run['id']}/generate"
    await client.ask("POST /v1/runs/{run}/generate", "POST", path, json={"prompt": "The "})
    return Known(job, run["id"])


async def endless_jobs(client: Client, count: int) -> list[str]:
    """Submit jobs that do not end: the first is trained all the time, the others are paused."""
    jobs = [(await client.ask("POST /v1/jobs", "POST", "/v1/jobs", json=ENDLESS))["id"] for _ in range(count)]
    pauses = (client.ask("POST /v1/jobs/{job}/pause", "POST", f"/v1/jobs/{job}/pause") for job in jobs[1:])
    await asyncio.gather(*pauses)
    return jobs
