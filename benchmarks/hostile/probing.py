"""What a neighbour notices: another process that keeps requesting its own data.

python -m benchmarks.hostile.probing URL KEY PATH ...

Requests each path in turn, with `PAUSE_SECONDS` in between, and writes a line for each answer: its path, status and
milliseconds. Each request has a connection of its own, like a new visitor's.
"""

import collections
import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.02
TIMEOUT_SECONDS = 60.0
BROKEN = 0
"""The status of a request that got no answer."""


@dataclass
class Probe:
    """The answers since the last call."""

    answers: list[tuple[str, int, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> list[tuple[str, int, float]]:
        with self.lock:
            found, self.answers = self.answers, []
        return found

    def add(self, line: str) -> None:
        path, status, milliseconds = line.split()
        with self.lock:
            self.answers.append((path, int(status), float(milliseconds)))


@contextmanager
def probing(url: str, key: str, paths: Sequence[str]) -> Iterator[Probe]:
    """A process that sends requests until the end of this block."""
    command = [sys.executable, "-m", "benchmarks.hostile.probing", url, key, *paths]
    probe = Probe()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout
        reader = threading.Thread(target=lambda: collections.deque(map(probe.add, lines), maxlen=0), daemon=True)
        reader.start()
        try:
            yield probe
        finally:
            process.kill()
            reader.join()


def ask(url: str, key: str, path: str) -> int:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return BROKEN
    finally:
        connection.close()


def main(url: str, key: str, *paths: str) -> None:
    while True:
        for path in paths:
            begun = time.perf_counter()
            status = ask(url, key, path)
            print(path, status, f"{1000 * (time.perf_counter() - begun):.3f}", flush=True)
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
