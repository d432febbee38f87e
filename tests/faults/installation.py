"""An installation for faults: it has servers of its own, and its workers are restarted when they die."""

import heapq
import itertools
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gatelab.client.api import Gatelab
from gatelab.settings import Settings
from gatelab.store import Store
from service.jobs.wakeups import Wakeups
from tests.acceptance.stack import HASTE, Stack
from tests.faults.observation import Observer
from tests.faults.servers import Broker, Postgres
from tests.faults.workload import CORPUS, TEXT
from tests.waiting import PATIENCE

LEASE = float(HASTE["GATELAB_LEASE_SECONDS"])
MORE_HASTE = {"GATELAB_POLL_SECONDS": "0.5", "GATELAB_SLICE_SECONDS": "0.7"}
NO_POISON = {"GATELAB_MAX_CRASHES": "1000"}
"""On a very busy machine, heartbeats are late, and leases this short also expire without a fault from a test."""


class Installation:
    """A service, some workers, a broker and a database, with an observer.

    Dead workers are replaced, delayed actions done and runs observed only while a test waits in `wait_until` and
    `pass_time`, so nothing happens concurrently with the test's own code.
    """

    def __init__(self, folder: Path, *, postgres: bool, workers: int) -> None:
        self.size, self._program = workers, "worker"
        self._options: Mapping[str, str] = {}
        self.broker = Broker(_made(folder / "broker"))
        self.postgres = Postgres() if postgres else None
        own = {"GATELAB_BROKER_URL": self.broker.url, "GATELAB_AUTH": "no"}
        if self.postgres is not None:
            own["GATELAB_DATABASE_URL"] = self.postgres.database("gatelab")
        self.stack = Stack(_made(folder / "data"), {**MORE_HASTE, **NO_POISON, **own})
        names = {name.removeprefix("GATELAB_").lower(): value for name, value in self.stack.environment.items()}
        self.settings = Settings.model_validate({k: v for k, v in names.items() if k in Settings.model_fields})
        self.store = Store(self.settings)
        self.client = Gatelab(f"http://127.0.0.1:{self.stack.port}", timeout=PATIENCE)
        self.observer = Observer(self.client, self.store)
        self.workers: list[subprocess.Popen[bytes]] = []
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._number = itertools.count()

    def start(self) -> None:
        self.broker.start()
        if self.postgres is not None:
            self.postgres.start()
            with psycopg.connect(self.postgres.url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE gatelab")
        self.stack.run("gatelab.store.migrate")
        self.stack.start_service()
        self.client.add_corpus(CORPUS, TEXT)

    def stop(self) -> None:
        self.heal()
        self._end_workers()
        self.client.close()
        self.store.close()
        self.stack.stop()
        self.broker.stop()
        if self.postgres is not None:
            self.postgres.close()

    def heal(self) -> None:
        """Start and thaw everything, whatever a test left behind."""
        self._do_what_is_due(at=float("inf"))
        self.broker.start()
        if self.postgres is not None:
            self.postgres.start()
        if self.stack.service is None or self.stack.service.poll() is not None:
            self.stack.start_service()

    # -- Work

    def submit(self, spec: Mapping[str, Any]) -> str:
        """Queue a job, and watch it from now on."""
        job = self.client.submit(spec).id
        self.observer.follow(job)
        return job

    def wake(self, times: int) -> None:
        """Send needless wake-ups."""
        wakeups = Wakeups(self.settings)
        wakeups.send(times)
        wakeups.close()

    # -- Workers

    @contextmanager
    def other_workers(self, program: str = "worker", options: Mapping[str, str] = {}) -> Iterator[None]:
        """In this block, workers run another program, or have more settings. They start while the test waits."""
        before = self._program, self._options
        try:
            self._end_workers()
            self._program, self._options = program, options
            yield
        finally:
            self._do_what_is_due(at=float("inf"))
            self._end_workers()
            self._program, self._options = before

    def children(self) -> list[int]:
        """The processes that may train."""
        return [child for worker in self.workers for child in children_of(worker.pid)]

    def parent_of(self, child: int) -> int | None:
        """The worker whose child this is, or None if the child has ended."""
        return next((worker.pid for worker in self.workers if child in children_of(worker.pid)), None)

    def child(self, owner: str | None) -> int | None:
        """The process of a lease's owner, if it is one of ours and alive."""
        host, _, number = (owner or "").rpartition(":")
        return int(number) if host == socket.gethostname() and int(number) in self.children() else None

    def _replace_workers(self) -> None:
        """Restart processes that have ended, as an init system does."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self.size:
            self.workers.append(self.stack.launch(self._program, **self._options))

    def _end_workers(self) -> None:
        for worker in self.workers:
            for process in [*children_of(worker.pid), worker.pid]:
                send(process, signal.SIGKILL)
            worker.wait()
        self.workers = []

    # -- Time

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._number), action))

    def pass_time(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while True:
            self._tick()
            if time.monotonic() >= ends:
                return
            time.sleep(0.1)

    def comes_true(self, condition: Callable[[], object], seconds: float) -> bool:
        """Whether `condition` becomes true within the time."""
        ends = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > ends:
                return False
            self.pass_time(0.05)
        return True

    def wait_until(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
        """Fail unless `condition` becomes true within the time."""
        if not self.comes_true(condition, seconds):
            pytest.fail(f"waited {seconds} s in vain until {what}\n{self.observer}\n{self._log()}")

    def finish(self, seconds: float = PATIENCE) -> None:
        """Wait until all observed runs have ended."""
        self.wait_until(lambda: not self.observer.unfinished(), "all runs had ended", seconds)

    def _log(self) -> str:
        """The end of the log, without the observer's requests."""
        lines = [line for line in self.stack.log().splitlines() if "method=GET" not in line]
        return "\n".join(lines[-100:])

    def _tick(self) -> None:
        self._do_what_is_due(at=time.monotonic())
        self._replace_workers()
        self.observer.look()

    def _do_what_is_due(self, at: float) -> None:
        while self._later and self._later[0][0] <= at:
            heapq.heappop(self._later)[2]()


def children_of(process: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_stopped(process: int) -> bool:
    """Whether a process is stopped by a signal, or dead, or gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "TZX"
    except FileNotFoundError:
        return True


def send(process: int, number: signal.Signals) -> None:
    """Send a signal, if the process is still there."""
    with suppress(ProcessLookupError):
        os.kill(process, number)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
