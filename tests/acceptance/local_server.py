"""`gatelab up`, as a user starts it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.acceptance.stack import HASTE
from tests.waiting import PATIENCE


class Up:
    """A running `gatelab up` on a free port, and the address at which it answers."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] = {}) -> None:
        self.data_dir = data_dir
        command = [sys.executable, "-m", "gatelab.client.main", "up", f"--data-dir={data_dir}", "--port=0"]
        environment = {**os.environ, **HASTE, **settings}
        self._launcher = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert self._launcher.stdout
        line = self._launcher.stdout.readline()
        assert "http://" in line, f"gatelab up said {line!r}"
        self.url = "http://" + line.split("http://")[1].strip()

    def stop(self) -> None:
        """Stop it gracefully."""
        if self._launcher.poll() is None:
            assert self.end(signal.SIGTERM) == 0

    def end(self, by: signal.Signals) -> int:
        """Send it a signal and wait for its end. Returns the exit status."""
        self._launcher.send_signal(by)
        self._launcher.communicate(timeout=PATIENCE)
        return self._launcher.returncode

    def processes(self) -> list[str]:
        """The command lines of living processes that were given its data directory."""
        given = f"GATELAB_DATA_DIR={self.data_dir}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if given in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except (OSError, UnicodeDecodeError):
                continue
        return found
