"""What an account's neighbours notice of its attacks: the times of `/healthz` and of reading their own job.

python -m benchmarks.hostile [--seconds 15] [--strict]

The attackers run in a process with the lowest priority, so that neighbours wait for the service and not for them. The
table shows how much of one core the attackers used, and how much the service used.

Ends with status 1 if a neighbour got no answer or a wrong one, if the service needed more memory than `CEILING_MIB`, or
if it did not answer everybody after an attack. With --strict, answers that are later than the bounds also count.
"""

import argparse
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import httpx2

from benchmarks import tables
from benchmarks.hostile.asking import Ground
from benchmarks.hostile.attacks import ATTACKS, run
from benchmarks.hostile.memory_ceiling import ceiling
from benchmarks.hostile.probing import Probe, ask, probing
from benchmarks.idle_machine import warn_if_busy
from benchmarks.load.requests import quantile
from benchmarks.load.stack import Stack, running_stack

CEILING_MIB = 3072
BOUNDS_MS = {"/healthz": 50.0, "a job": 100.0}
"""The 99th percentile of a neighbour's answers."""
JOB: dict[str, Any] = {
    "corpus": "book",
    "model": {"cell": {"kind": "gru", "hidden": 16}},
    "training": {
        "num_steps": 16,
        "batch_size": 64,
        "windows": {"stride": 16, "train": 640, "validation": 64},
        "epochs": 1,
    },
}
AFTER_SECONDS = 60.0
"""Seconds after an attack within which everything must answer again."""
LARGE = JOB | {"model": {"cell": {"kind": "gru", "hidden": 1024}}}


@dataclass
class Noticed:
    """What the neighbours noticed of an attack."""

    attack: str
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    broken: int = 0
    mebibytes: int = 0
    seconds: float = 0.0
    """Seconds of observation, and seconds for which the processors were busy for the attackers and for the service."""
    attackers_seconds: float = 0.0
    service_seconds: float = 0.0
    answers_after: bool = False

    def faults(self, *, strict: bool) -> list[str]:
        found = []
        if self.broken:
            found.append(f"{self.broken} requests of neighbours failed")
        if not self.answers_after:
            found.append("not everything answered after the attack")
        if self.mebibytes > CEILING_MIB:
            found.append(f"the service needed {self.mebibytes} MiB")
        for path, bound in BOUNDS_MS.items():
            if strict and quantile(self.milliseconds[path], 0.99) > bound:
                found.append(f"{path} took more than {bound:.0f} ms (p99)")
        return [f"{self.attack}: {fault}" for fault in found]

    def row(self) -> list[str]:
        times = [f"{quantile(self.milliseconds[path], share):.1f}" for path in BOUNDS_MS for share in (0.5, 0.99)]
        shares = [f"{100 * took / self.seconds:.0f}" for took in (self.attackers_seconds, self.service_seconds)]
        after = "yes" if self.answers_after else "no"
        return [
            self.attack,
            str(sum(map(len, self.milliseconds.values()))),
            *times,
            *shares,
            str(self.mebibytes),
            after,
        ]


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    found = []
    with running_stack(limits={}) as stack, ceiling(stack.service, CEILING_MIB) as how:
        print(f"load average {os.getloadavg()[0]:.1f}; {how}", file=sys.stderr)
        ground, neighbour, job = prepare(stack)
        names = {"/healthz": "/healthz", f"/v1/jobs/{job}": "a job"}
        with probing(stack.url, neighbour, list(names)) as probe:
            for name in ATTACKS:
                if arguments.only in name:
                    found.append(notice(stack, ground, probe, names, name, arguments.seconds))
    times = (f"{path}, ms ({share})" for path in BOUNDS_MS for share in ("p50", "p99"))
    header = ["attack", "requests", *times, "attackers, % of a core", "service, % of a core", "MiB", "answers after"]
    tables.show(header, (noticed.row() for noticed in found))
    faults = [fault for noticed in found for fault in noticed.faults(strict=arguments.strict)]
    print("\n".join(faults), file=sys.stderr)
    sys.exit(bool(faults))


def prepare(stack: Stack) -> tuple[Ground, str, str]:
    """Make two accounts. Returns the attacker's `Ground`, the neighbour's key and the neighbour's job."""
    admin = httpx2.Client(base_url=stack.url, headers={"Authorization": f"Bearer {stack.key}"}, timeout=120)
    with admin:
        keys = [
            admin.post("/v1/keys", json={"account": account}).raise_for_status().json()["secret"]
            for account in ("mallory", "ada")
        ]
    text = "\n".join(topics[name] for name in sorted(topics))
    runs: list[Any] = []
    for key, specs in zip(keys, ([JOB, LARGE], [JOB]), strict=True):
        with httpx2.Client(base_url=stack.url, headers={"Authorization": f"Bearer {key}"}, timeout=120) as http:
            http.post("/v1/corpora", json={"name": "book", "text": text}).raise_for_status()
            http.post("/v1/corpora", json={"name": "large", "text": text * (2**24 // len(text))}).raise_for_status()
            runs += [_trained(http, spec) for spec in specs]
    small, large, neighbours = runs
    ground = Ground(stack.url, keys[0], small["id"], large["id"], large["step"], "large")
    return ground, keys[1], neighbours["job"]


def _trained(http: httpx2.Client, spec: dict[str, Any]) -> Any:
    job = http.post("/v1/jobs", json=spec).raise_for_status().json()["id"]
    while True:
        [run] = http.get(f"/v1/runs?job={job}").raise_for_status().json()["data"]
        if run["state"] not in ("queued", "running"):
            assert run["state"] == "succeeded", run
            return run
        time.sleep(0.2)


def notice(stack: Stack, ground: Ground, probe: Probe, names: dict[str, str], name: str, seconds: float) -> Noticed:
    """What the neighbours notice of an attack of this many seconds. At its end the attackers are killed."""
    noticed = Noticed(name, {path: [] for path in BOUNDS_MS})
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["benchmarks.hostile.attacks"])
    attackers = forking.Process(target=run, args=(name, ground), daemon=True)
    attackers.start()
    assert attackers.pid is not None
    probe.take()
    begun, worked = time.monotonic(), _worked(stack.service)
    while time.monotonic() < begun + seconds:
        noticed.mebibytes = max(noticed.mebibytes, stack.memory()["service"])
        time.sleep(0.1)
    for path, status, milliseconds in probe.take():
        noticed.milliseconds[names[path]].append(milliseconds)
        noticed.broken += status != 200
    noticed.seconds = time.monotonic() - begun
    noticed.attackers_seconds = _worked(attackers.pid)
    noticed.service_seconds = _worked(stack.service) - worked
    attackers.kill()
    attackers.join()
    noticed.answers_after = _answers(stack, ground)
    print(f"{name}: done", file=sys.stderr, flush=True)
    return noticed


def _worked(process: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _answers(stack: Stack, ground: Ground) -> bool:
    """Whether the same process answers the attacker itself in time, even if requests of the attack have yet to end."""
    ends = time.monotonic() + AFTER_SECONDS
    text = {"prompt": "the", "max_tokens": 5}
    while time.monotonic() < ends:
        seen = ask(stack.url, ground.key, f"/v1/runs/{ground.small}") == 200
        if seen and ground.post(f"/v1/runs/{ground.small}/generate", text) == 200:
            return Path(f"/proc/{stack.service}").exists()
        time.sleep(0.1)
    return False


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15, help="seconds of each attack")
    parser.add_argument("--only", default="", help="run only attacks whose names contain this")
    parser.add_argument("--strict", action="store_true", help="count late answers as faults, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
