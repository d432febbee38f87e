"""A whole Gatelab as `gatelab up` runs it: service, worker, broker and database, in processes of their own."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from gatelab.client import local_server
from gatelab.client.api import Gatelab
from gatelab.client.credentials import local_key
from gatelab.settings import Settings

PATIENCE = 120
"""Seconds that a service may take to start."""


@contextmanager
def installation(threads: int, data_dir: Path | None = None, workers: int = 1) -> Iterator[Gatelab]:
    """A running installation whose workers train on the CPU with `threads` threads each.

    Its data stay in `data_dir`; by default they are deleted at the end.
    """
    settings = {"GATELAB_THREADS": str(threads), "GATELAB_DEVICE": "cpu"}
    with ExitStack() as stack:
        if data_dir is None:
            data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatelab-benchmark-")))
        url = stack.enter_context(local_server.running(data_dir, settings, "--workers", str(workers)))
        yield stack.enter_context(Gatelab(url))


def key_of(gatelab: Gatelab) -> str:
    """The API key of an installation that runs on this machine."""
    key = local_key(urlsplit(gatelab.url).port or 80)
    assert key
    return key


@contextmanager
def service_alone(settings: Settings) -> Iterator[tuple[str, int]]:
    """The address and process of a service without keys, worker and broker, on a database that exists."""
    port = free_port()
    environment = os.environ | {
        "GATELAB_DATABASE_URL": settings.database_url.get_secret_value(),
        "GATELAB_DATA_DIR": str(settings.data_dir),
        "GATELAB_BROKER_URL": "memory://",
        "GATELAB_AUTH": "false",
    }
    command = [sys.executable, "-m", "service", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as service:
        try:
            _wait_for(f"http://127.0.0.1:{port}/healthz")
            yield f"http://127.0.0.1:{port}", service.pid
        finally:
            service.terminate()


def free_port() -> int:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        return port


def mebibytes(process: int) -> float:
    """The resident memory of a process, in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _wait_for(url: str) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            if httpx2.get(url).is_success:
                return
        except httpx2.TransportError:
            time.sleep(0.02)
    raise TimeoutError(f"the service was not ready within {PATIENCE} seconds")
