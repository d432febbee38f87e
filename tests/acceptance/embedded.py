"""`gatelab up`, as a user starts it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.stack import HASTE


@contextmanager
def embedded(data_dir: Path) -> Iterator[str]:
    """The address of a running `gatelab up` on a port of its choice."""
    command = [sys.executable, "-m", "client.main", "up", f"--data-dir={data_dir}", "--port=0"]
    environment = {**os.environ, **HASTE}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as launcher:
        try:
            assert launcher.stdout
            line = launcher.stdout.readline()
            assert "http://" in line, f"gatelab up said {line!r}"
            yield "http://" + line.split("http://")[1].strip()
        finally:
            launcher.send_signal(signal.SIGTERM)
            assert launcher.wait(timeout=40) == 0
