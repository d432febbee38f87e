"""Many clients at once on a whole installation: their waiting times, the statuses of their answers, and the memory.

python -m benchmarks.load [--clients 64] [--seconds 120] [--streams 200]

The installation uses PostgreSQL and Redis. Clients submit, list and read jobs, read events and generate texts without a
pause, while event streams stay open. At the end, requests exceed the limits tenfold. Ends with status 1 if an answer
was 5xx, a connection broke or a stream ended.
"""

import argparse
import asyncio
import sys
import time
from pydoc_data.topics import topics

import httpx2

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.load.overload import too_much
from benchmarks.load.requests import Client, Timings, quantile
from benchmarks.load.stack import LIMITS, Stack, running_stack
from benchmarks.load.streams import Streams
from benchmarks.load.users import User, endless_jobs, prepare

WATCHED_JOBS = 10
MEMORY_LOOKS = 6
"""Seconds between two measurements of the processes' memory under load."""
TIMEOUT = httpx2.Timeout(60)


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    with running_stack() as stack:
        faults = asyncio.run(run(stack, arguments.clients, arguments.seconds, arguments.streams))
        if faults:
            print(f"{faults} faults. The last lines of the logs:\n{stack.log_tails()}", file=sys.stderr)
            sys.exit(1)


async def run(stack: Stack, clients: int, seconds: float, streams: int) -> int:
    """The number of faults."""
    unlimited = httpx2.Limits(max_connections=None, max_keepalive_connections=clients)
    key = {"Authorization": f"Bearer {stack.key}"}
    async with httpx2.AsyncClient(base_url=stack.url, headers=key, timeout=TIMEOUT, limits=unlimited) as http:
        client = Client(http, Timings())
        text = "\n".join(topics[name] for name in sorted(topics))[: LIMITS["CORPUS_BYTES"]]
        known = await prepare(client, text)
        jobs = await endless_jobs(client, WATCHED_JOBS)
        memory = {"before": stack.memory()}
        open_streams = Streams(http, jobs, streams)
        await open_streams.all_open()
        timings = Timings()
        users = [User(Client(http, timings), known, seed) for seed in range(clients)]
        for look in range(1, MEMORY_LOOKS + 1):
            until = time.monotonic() + seconds / MEMORY_LOOKS
            await asyncio.gather(*(user.work(until) for user in users))
            memory[f"after {look * seconds / MEMORY_LOOKS:.0f} s"] = stack.memory()
        _show_load(timings, seconds, open_streams)
        refused = Timings()
        await too_much(Client(http, refused), known)
        await prepare(Client(http, refused), text + " again")
        memory["after ten times the limits"] = stack.memory()
        broken = open_streams.broken
        await open_streams.close()
        _show_rest(refused, memory)
    return timings.faults + refused.faults + broken


def _show_load(timings: Timings, seconds: float, streams: Streams) -> None:
    tables.show(["route", "requests", "per second", "p50 ms", "p99 ms", "statuses"], timings.rows(seconds))
    if timings.causes:
        print(f"broken by: {dict(timings.causes)}")
    late = [f"{1000 * quantile(streams.lags, share):.0f} ms" for share in (0.5, 0.99)]
    print(
        f"{streams.open} event streams were open, {streams.broken} broke. On them {len(streams.lags)} events arrived,"
    )
    print(f"{late[0]} (p50) and {late[1]} (p99) after they had happened.\n", flush=True)


def _show_rest(refused: Timings, memory: dict[str, dict[str, int]]) -> None:
    header = ["asked for", "requests", "statuses"]
    tables.show(header, ([row[0], row[1], row[5]] for row in refused.rows(1)))
    if refused.causes:
        print(f"broken by: {dict(refused.causes)}\n")
    processes = list(next(iter(memory.values())))
    tables.show(["MiB of memory", *processes], ([when, *found.values()] for when, found in memory.items()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--streams", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    main()
