"""Processes that tests start, and that end with the tests even if those are killed."""

import atexit
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# A process of its own instead of Popen's preexec_fn, which may deadlock where other threads run (torch has some).
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
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    atexit.register(stop)
    try:
        yield process
    finally:
        stop()
        atexit.unregister(stop)


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start:\n{read_log(folder)}")
        time.sleep(0.05)


def read_log(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")[-4000:]


@contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gatelab-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
