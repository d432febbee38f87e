"""Processes that tests start. They end with the tests, even if the tests are killed."""

import atexit
import fcntl
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.waiting import PATIENCE, comes_true

# A process of its own instead of Popen's preexec_fn, which may deadlock if other threads run (torch has some).
# The order matters: the kernel forgets the death signal when a process changes its user.
_DIES_WITH_PARENT = """
import ctypes, os, sys
parent, death_signal, user, group, *command = sys.argv[1:]
if int(user) != os.getuid():
    os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal))
if os.getppid() != int(parent):
    sys.exit("the parent died first")
os.execv(command[0], command)
"""


# One client for all questions, which loads no certificates of authorities.
_HTTP = httpx2.Client(
    verify=False, trust_env=False, timeout=PATIENCE, limits=httpx2.Limits(max_keepalive_connections=0)
)


@contextmanager
def running(
    command: Sequence[str],
    folder: Path,
    *,
    user: pwd.struct_passwd | None = None,
    environment: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes to `folder`/log and is stopped at the end, or when this process dies (on Linux)."""
    uid, gid = (user.pw_uid, user.pw_gid) if user else (os.getuid(), os.getgid())
    launcher = [sys.executable, "-I", "-S", "-c", _DIES_WITH_PARENT]
    arguments = [os.getpid(), int(stop_signal), uid, gid]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*launcher, *map(str, arguments), *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the tests, which then stop the server
        )

    def stop() -> None:
        if process.poll() is None:
            process.send_signal(stop_signal)
            try:
                process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    atexit.register(stop)
    try:
        yield process
    finally:
        stop()
        atexit.unregister(stop)


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    if not comes_true(lambda: process.poll() is not None or ready()) or process.poll() is not None:
        raise RuntimeError(f"the server did not start:\n{read_log(folder)}")


def is_ready(url: str) -> bool:
    """Whether the service at this address is ready for requests."""
    try:
        return _HTTP.get(f"{url}/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def read_log(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")[-4000:]


@contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gatelab-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


_PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections, any of which could take a port before its server does."""


def free_port() -> int:
    """A free port of this machine, which no other test gets while this process lives."""
    folder = Path(tempfile.gettempdir(), f"gatelab-test-ports-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    while True:
        port = secrets.choice(_PORTS)
        reservation = os.open(folder / str(port), os.O_WRONLY | os.O_CREAT)  # never closed, so that its lock stays
        try:
            fcntl.flock(reservation, fcntl.LOCK_EX | fcntl.LOCK_NB)
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            os.close(reservation)
        else:
            return port
