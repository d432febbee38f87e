"""Start, watch and stop the processes of an embedded Gatelab."""

import http.client
import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gatelab.launcher import (
    commands,
    directory_lock,
    port_registry,
    sockets,
    valkey,
)
from gatelab.launcher.child_process import Child, Program
from gatelab.launcher.errors import CannotStart
from gatelab.launcher.interrupts import Interrupts
from gatelab.machine import disk_obstacle
from gatelab.sign_in_links import make_code

START_SECONDS = 60.0
POLL_SECONDS = 0.1
START_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Options:
    """The data directory of an embedded Gatelab, and its address."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    service_workers: int = 1
    stop_on_eof: bool = False


def run(options: Options) -> None:
    """Run Gatelab until a signal stops it. Prints one line with its address once it is ready.

    Raises:
        CannotStart: the address or the data directory is taken, or a process does not start.
    """
    listener = sockets.listen(options.host, options.port)
    with closing(listener), Interrupts(options.stop_on_eof) as interrupts:
        data_dir = make_data_dir(options.data_dir)
        with directory_lock.hold(data_dir):
            Launcher(data_dir, listener, options.workers, interrupts, options.service_workers).run()


def make_data_dir(path: Path) -> Path:
    """The absolute path of the data directory, which is made if it is missing, readable by its owner alone.

    Raises:
        CannotStart: it cannot be made or written, or its disk is full.
    """
    try:
        path = path.expanduser().resolve()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("logs", "broker"):
            (path / name).mkdir(mode=0o700, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise CannotStart(f"cannot use {path} as the data directory: {error}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise CannotStart(f"cannot write to the data directory {path}")
    # A process that cannot write its log could not say why it does not start.
    if obstacle := disk_obstacle(path):
        raise CannotStart(obstacle)
    return path


class Launcher:
    """The processes of one data directory: broker, migrations, service, workers."""

    def __init__(
        self,
        data_dir: Path,
        listener: socket.socket,
        workers: int,
        interrupts: Interrupts,
        service_workers: int = 1,
    ) -> None:
        self.data_dir = data_dir
        self.listener = listener
        self.interrupts = interrupts
        self.socket_path = sockets.broker_path(data_dir)
        self.port = sockets.reachable(listener)[1]
        told = commands.environment(data_dir, self.socket_path, workers, service_workers)
        _make_empty(data_dir / commands.METRICS)
        self.broker = self._child(valkey.program(self.socket_path, data_dir / "broker", told))
        self.migrations = self._child(commands.migrations(data_dir, told))
        self.service = self._child(commands.service(data_dir, told, listener, service_workers))
        self.workers = [self._child(commands.worker(data_dir, told, number)) for number in range(1, workers + 1)]

    def run(self) -> None:
        """Start all processes, watch them until asked to stop, and stop them. No process is left, whatever happens."""
        try:
            if self._start():
                url = sockets.url(self.listener)
                print(f"Gatelab is ready: {url}", flush=True)
                print(f"Sign in with this link (it works once): {url}/#code={make_code(self.data_dir)}", flush=True)
                self._watch()
        finally:
            self.stop()
            port_registry.remove(self.port)
            sockets.remove(self.socket_path, self.data_dir)

    def _start(self) -> bool:
        """Whether everything is ready; False after a request to stop.

        Raises:
            CannotStart: with the last lines of the log of the process that did not start.
        """
        valkey.stop_leftover(self.socket_path)
        # In parallel, since most of the service's start is importing its libraries. It then waits for the migrations.
        for child in (self.migrations, self.broker, self.service):
            child.start()
        if not self._until(lambda: not self.migrations.alive()):
            return False
        if self.migrations.exit_code != 0:
            raise did_not_start(self.migrations)
        port_registry.write(self.port, self.data_dir)
        if not self._until(lambda: valkey.answers(self.socket_path), self.broker):
            return False
        for child in self.workers:
            child.start()
        return self._until(lambda: is_ready(*sockets.reachable(self.listener)), self.service)

    def _until(self, ready: Callable[[], bool], needed: Child | None = None) -> bool:
        """Wait for `ready` while `needed` lives. False after a request to stop."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self.interrupts.wait(START_POLL_SECONDS):
                return False
            late = time.monotonic() > deadline
            if needed and (late or not needed.alive()):
                raise did_not_start(needed)
        return True

    def _watch(self) -> None:
        """Restart processes that die, until asked to stop.

        Raises:
            CannotStart: a process does not come up in spite of restarts.
        """
        while not self.interrupts.wait(POLL_SECONDS):
            for child in (self.broker, self.service, *self.workers):
                child.tend()
                child.bound_log()
                if child.hopeless:
                    raise did_not_start(child)

    def stop(self) -> None:
        """Stop the service and the workers, then the broker that they use. A second request to stop kills them."""
        self.listener.close()
        for children in ([self.service, *self.workers, self.migrations], [self.broker]):
            for child in children:
                child.begin_stop()
            asked = self.interrupts.requests
            while running := [child for child in children if not child.stopped()]:
                self.interrupts.wait(POLL_SECONDS)
                if self.interrupts.requests > max(asked, 1):
                    for child in running:
                        child.hurry()

    def _child(self, program: Program) -> Child:
        child = Child(program, self.data_dir / "logs")
        child.rotate_log()
        return child


def _make_empty(folder: Path) -> None:
    """Delete the metrics of processes of an earlier start."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)


def did_not_start(child: Child) -> CannotStart:
    """The error for `child`, with the last lines of its log."""
    how = (
        f"ended with code {child.exit_code}" if child.exit_code is not None else f"took longer than {START_SECONDS:g} s"
    )
    return CannotStart(f"the {child.program.name} did not start: it {how}. The end of {child.log}:\n{child.log_tail()}")


def is_ready(host: str, port: int) -> bool:
    """Whether the service answers its readiness check with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
