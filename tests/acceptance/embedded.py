"""`gatelab up`, as a user starts it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.stack import HASTE


def launch(data_dir: Path) -> tuple[subprocess.Popen[str], str]:
    """A `gatelab up` on a port of its choice, and its address."""
    command = [sys.executable, "-m", "client.main", "up", f"--data-dir={data_dir}", "--port=0"]
    launcher = subprocess.Popen(command, env={**os.environ, **HASTE}, stdout=subprocess.PIPE, text=True)
    assert launcher.stdout
    line = launcher.stdout.readline()
    assert "http://" in line, f"gatelab up said {line!r}"
    return launcher, "http://" + line.split("http://")[1].strip()


@contextmanager
def embedded(data_dir: Path) -> Iterator[str]:
    """The address of a running `gatelab up`, which is stopped in order in the end."""
    launcher, url = launch(data_dir)
    try:
        yield url
    finally:
        launcher.send_signal(signal.SIGTERM)
        launcher.communicate(timeout=40)
    assert launcher.returncode == 0
