"""Text for many clients at once: Gatelab next to a plain FastAPI handler and LitServe, all with the same weights.

python -m benchmarks.serving [--clients 64] [--tokens 200] [--hidden 256] [--rounds 5]

All clients request a stream at the same moment, each over its own connection on the loopback.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.installation import free_port, installation, key_of
from benchmarks.interleaving import median_ratio
from gatelab.client.api import Gatelab

TEXT = "the time traveller for so it will be convenient to speak of him was expounding a recondite matter to us. " * 20
PROMPT = "the time "


@dataclass(frozen=True)
class Server:
    """The address of a server, and the body of the requests to it."""

    url: str
    body: dict[str, Any]
    key: str = "none"


@dataclass(frozen=True)
class Served:
    """What the clients of one round saw.

    Attributes:
        first: seconds to the first character, for each client.
        characters_per_second: for all clients together.
    """

    first: Sequence[float]
    characters_per_second: float


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    with ExitStack() as stack:
        gatelab = stack.enter_context(installation(threads=2))
        run = train(gatelab, arguments.hidden)
        body = {"prompt": PROMPT, "max_tokens": arguments.tokens}
        servers = {
            "Gatelab": Server(f"{gatelab.url}/v1/runs/{run}/generate", body | {"stream": True}, key_of(gatelab)),
            "plain FastAPI and torch": Server(stack.enter_context(peer("plain_server", gatelab, run)), body),
        }
        if find_spec("litserve"):
            servers["LitServe"] = Server(stack.enter_context(peer("litserve_server", gatelab, run)), body)
        else:
            print("LitServe is left out, since it is not installed: pip install '.[peers]'", file=sys.stderr)
        rounds = [
            {name: asyncio.run(serve(s, arguments)) for name, s in servers.items()} for _ in range(arguments.rounds)
        ]
    report({name: [measured[name] for measured in rounds] for name in servers})


def train(gatelab: Gatelab, hidden: int) -> str:
    """Train a model of this size briefly: what it generates does not matter."""
    gatelab.add_corpus("serving", TEXT)
    model = {"cell": {"kind": "gru", "reset": "after", "hidden": hidden}}
    job = gatelab.submit({"corpus": "serving", "model": model, "training": {"epochs": 1, "batch_size": 16}})
    gatelab.wait(job.id)
    [run] = gatelab.runs(job=job.id)
    return run.id


@contextmanager
def peer(name: str, gatelab: Gatelab, run: str) -> Iterator[str]:
    """Start a server of `benchmarks.peers` with the weights of a run. Yields its address."""
    port, step = free_port(), gatelab.run(run).step
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        Path(file.name).write_bytes(gatelab.download_checkpoint(run, step))
        command = [sys.executable, "-m", f"benchmarks.peers.{name}", file.name, str(port)]
        with subprocess.Popen(command, start_new_session=True) as process:
            try:
                url = f"http://127.0.0.1:{port}"
                wait_for(f"{url}/health", process)
                yield f"{url}/generate"
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # LitServe's processes outlive their parent


def wait_for(health: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server is ready. LitServe answers 503 until then; other servers are ready when they answer at all.

    Raises:
        RuntimeError: the server has ended. Its own output says why.
    """
    while process.poll() is None:
        try:
            if httpx2.get(health).status_code != 503:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the server for {health} ended with status {process.returncode}")


async def serve(server: Server, arguments: argparse.Namespace) -> Served:
    """Let all clients send their request at once, after one request has warmed the server up."""
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(timeout=600, limits=limits) as client:
        await ask(client, server)
        begun = time.perf_counter()
        found = await asyncio.gather(*(ask(client, server) for _ in range(arguments.clients)))
        seconds = time.perf_counter() - begun
    characters = sum(count for _, count in found)
    if characters != arguments.clients * arguments.tokens:
        raise ValueError(f"{server.url} sent {characters} characters")
    return Served([first for first, _ in found], characters / seconds)


async def ask(client: httpx2.AsyncClient, server: Server) -> tuple[float, int]:
    """Seconds to the first character, and the number of characters."""
    begun, first, characters = time.perf_counter(), 0.0, 0
    headers = {"Authorization": f"Bearer {server.key}"}
    async with client.stream("POST", server.url, json=server.body, headers=headers) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if text := json.loads(line.removeprefix("data: ") if line.startswith(("{", "data: ")) else "{}").get(
                "text"
            ):
                first = first or time.perf_counter() - begun
                characters += len(text)
    return first, characters


def report(measured: dict[str, list[Served]]) -> None:
    names = list(measured)
    speeds = {name: [served.characters_per_second for served in rounds] for name, rounds in measured.items()}
    header = ["", "characters/s, all clients", "first character p50", "p99"]
    tables.show(header, ([name, f"{statistics.median(speeds[name]):,.0f}", *_times(measured[name])] for name in names))
    for other in names[1:]:
        ratio = median_ratio(speeds[names[0]], speeds[other])
        print(f"{names[0]} : {other}: {tables.times(ratio)} the characters")


def _times(rounds: Sequence[Served]) -> list[str]:
    halves = [statistics.median(served.first) for served in rounds]
    last = [statistics.quantiles(served.first, n=100, method="inclusive")[98] for served in rounds]
    return [f"{1000 * statistics.median(values):,.0f} ms" for values in (halves, last)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
