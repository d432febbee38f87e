"""The launcher as a process of its own, as `gatelab up` runs it."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

from tests.processes import temporary_folder
from tests.waiting import PATIENCE


class Launcher:
    """A launcher in `folder` that runs, or has run."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        command = [sys.executable, "-P", "-m", "gatelab.launcher", "--data-dir", str(folder), "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)

    @cached_property
    def url(self) -> str:
        """Wait for the address that it prints when it is ready."""
        line = self._lines.get(timeout=PATIENCE)
        assert line.startswith("Gatelab is ready: http://"), line
        return line.removeprefix("Gatelab is ready: ").strip()

    @cached_property
    def signed_in(self) -> str:
        """The line with the sign-in address."""
        assert self.url
        line = self._lines.get(timeout=PATIENCE)
        assert line.startswith("Sign in with this link (it works once): "), line
        return line.strip()

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(by)
        return self.process.wait(PATIENCE)

    def close(self) -> str:
        """End it if it still runs. Returns its standard error."""
        if self.process.poll() is None:
            self.stop()
        _, errors = self.process.communicate()
        self.reader.join()
        return errors

    def family(self) -> dict[int, str]:
        """Process id -> command line of its children and of their children."""
        return descendants(self.process.pid)


def descendants(ancestor: int) -> dict[int, str]:
    table = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [(int(pid), int(parent), command) for pid, parent, command in (r.split(None, 2) for r in table.splitlines())]
    found = {ancestor: ""}
    for _ in rows:
        found.update({pid: command for pid, parent, command in rows if parent in found})
    del found[ancestor]
    return {pid: command for pid, command in found.items() if not command.startswith("ps ")}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.startswith("Z") and state != ""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory whose path is short enough for a socket."""
    with temporary_folder() as path:
        yield path
