"""A service and a worker on PostgreSQL and Redis, as on several hosts, and how much memory they take."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gatelab.settings import KEY_FILE
from tests import servers
from tests.faults.installation import children_of
from tests.processes import free_port, is_ready, read_log, running, wait_until

LIMITS = {"BODY_BYTES": 2 * 2**20, "CORPUS_BYTES": 2**20, "PROMPT_CHARACTERS": 10_000, "MAX_TOKENS": 10_000}
"""Limits below the defaults, so that requests ten times as large do not fill this machine."""


@dataclass(frozen=True)
class Stack:
    """A running installation."""

    url: str
    key: str
    service: int
    worker: int
    logs: tuple[Path, Path]

    def memory(self) -> dict[str, int]:
        """MiB of resident memory of each process."""
        [child] = children_of(self.worker)
        named = {"service": self.service, "worker": self.worker, "worker's child": child}
        return {name: _resident(process) for name, process in named.items()}

    def log_tails(self) -> str:
        return "\n".join(read_log(folder) for folder in self.logs)


@contextmanager
def running_stack(limits: Mapping[str, int] = LIMITS) -> Iterator[Stack]:
    """An installation on the servers that answer on this machine, or on new ones. Everything is removed at the end."""
    with ExitStack() as stack:
        enter = stack.enter_context
        folder = Path(enter(tempfile.TemporaryDirectory(prefix="gatelab-load-")))
        told = {
            "GATELAB_DATA_DIR": str(folder),
            "GATELAB_DATABASE_URL": enter(servers.postgres_database(enter(servers.postgres_server()))),
            "GATELAB_BROKER_URL": enter(servers.redis_database(enter(servers.redis_server()))),
            "GATELAB_DEVICE": "cpu",
            "GATELAB_THREADS": "1",
            **{f"GATELAB_LIMITS__{name}": str(value) for name, value in limits.items()},
        }
        environment = {**os.environ, **told}
        subprocess.run([sys.executable, "-m", "gatelab.store.migrate", "--key"], env=environment, check=True)
        port = free_port()
        served = ["service", f"--port={port}"]
        service = enter(_process(folder / "service", [*served, "--timeout-graceful-shutdown=5"], environment))
        worker = enter(_process(folder / "worker", ["worker"], environment))
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(url), service, folder / "service")
        wait_until(lambda: bool(children_of(worker.pid)), worker, folder / "worker")
        key = (folder / KEY_FILE).read_text().strip()
        yield Stack(url, key, service.pid, worker.pid, (folder / "service", folder / "worker"))


@contextmanager
def _process(folder: Path, arguments: list[str], environment: Mapping[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    folder.mkdir()
    with running([sys.executable, "-m", *arguments], folder, environment=environment) as process:
        yield process


def _resident(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(kilobytes) // 1024
