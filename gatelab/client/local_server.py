"""The embedded Gatelab as a process: how to start it, and how to stop it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from gatelab.client.errors import CannotRun, ConnectionFailed

SERVER_PACKAGES = ("alembic", "celery", "fastapi", "pydantic_settings", "sqlalchemy", "torch", "uvicorn")
STOP_SECONDS = 30
"""The launcher promises to end within 25 seconds."""


def command(data_dir: Path, port: int, *options: str) -> list[str]:
    """The command line of the launcher.

    Raises:
        CannotRun: what the service needs is not installed.
    """
    return module("gatelab.launcher", "--data-dir", str(data_dir), "--port", str(port), *options)


def module(name: str, *arguments: str) -> list[str]:
    """The command line of a module that needs the server's packages.

    Raises:
        CannotRun: they are not installed.
    """
    if missing := [package for package in SERVER_PACKAGES if find_spec(package) is None]:
        raise CannotRun(f"the server is not installed ({', '.join(missing)}): pip install 'gatelab[server]'")
    # -P: a directory called `gatelab` in the user's working directory is not imported.
    return [sys.executable, "-P", "-m", name, *arguments]


@contextmanager
def running(data_dir: Path, settings: Mapping[str, str], *options: str) -> Iterator[str]:
    """Run an embedded Gatelab on a free port of this machine: yield its address, and stop it at the end.

    `settings` are environment variables for which the user's environment has no value; `options` are added to the
    launcher's command line.

    It ends with this process, even if that is killed, since its standard input then ends.

    Raises:
        CannotRun: Gatelab does not start, or stops later; the message quotes its log.
    """
    errors = data_dir / "launcher.log"
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with errors.open("wb") as log:
        launcher = subprocess.Popen(
            command(data_dir, 0, "--stop-on-eof", *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**settings, **os.environ},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is for this process, which then stops the launcher in order
        )
        try:
            yield _address(launcher, errors)
        except ConnectionFailed:
            if launcher.poll() is None:
                raise
            raise CannotRun(f"the embedded Gatelab stopped: {_told(errors)}") from None
        finally:
            _stop(launcher)


def _address(launcher: subprocess.Popen[str], errors: Path) -> str:
    assert launcher.stdout
    line = launcher.stdout.readline()
    if "http" not in line:
        launcher.wait()
        raise CannotRun(f"the embedded Gatelab did not start: {_told(errors)}")
    return line[line.index("http") :].strip()


def _told(errors: Path) -> str:
    """The launcher's output, decoded whatever its encoding is."""
    return errors.read_text(encoding="utf-8", errors="backslashreplace").strip()


def _stop(launcher: subprocess.Popen[str]) -> None:
    """Close its standard input, which stops it, and wait until it ends."""
    try:
        launcher.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        launcher.kill()
        launcher.communicate()
