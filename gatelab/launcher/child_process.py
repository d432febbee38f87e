"""One process that the launcher started: its log, its restarts, and how it stops."""

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gatelab.launcher.orphans import leash

FIRST_BACKOFF, LAST_BACKOFF = 0.5, 30.0
"""Seconds before a dead child is started again; doubled with every death."""
STEADY = 60.0
"""Seconds of life after which a child's earlier deaths are forgotten."""
HOPELESS_DEATHS = 3
"""A child that ends this many times within `STEADY` seconds of its start will not come up."""
ROTATE_BYTES = 16 * 2**20

logger = logging.getLogger("gatelab.launcher")

Farewell = tuple[tuple[float, signal.Signals], ...]
"""Signals that end a process, each with the seconds since the stop began at which it is sent."""


@dataclass(frozen=True)
class Program:
    """What to run, and which signal ends it."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    farewell: Farewell = ((0.0, signal.SIGTERM), (5.0, signal.SIGKILL))
    inherits: tuple[int, ...] = ()


class Child:
    """A running `Program`. To be used from the main thread (see `orphans`)."""

    def __init__(self, program: Program, logs: Path) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self.exit_code: int | None = None
        self.deaths = 0
        self._was_steady = False
        self._process: subprocess.Popen[bytes] | None = None
        self._started = self._stop_began = 0.0
        self._restart_at: float | None = None
        self._farewell: list[tuple[float, signal.Signals]] = []

    @property
    def pid(self) -> int | None:
        """The process id; None while it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process in a group of its own: Ctrl-C in a terminal reaches the launcher alone."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.program.folder,
                env=dict(self.program.environment),
                pass_fds=self.program.inherits,
                start_new_session=True,
                preexec_fn=leash(),
            )
        self.exit_code = None
        self._started = time.monotonic()

    def alive(self) -> bool:
        """Whether it runs. If it has ended, `exit_code` says how: negative for the signal that killed it."""
        if self._process is None:
            return False
        if (code := self._process.poll()) is None:
            return True
        self._kill_group()
        self._process, self.exit_code = None, code
        return False

    def tend(self) -> None:
        """Start the process again if it has died, after a pause that grows with every death."""
        if self.alive():
            return
        now = time.monotonic()
        if self.exit_code is not None and self._restart_at is None:
            steady = now - self._started > STEADY
            self._was_steady |= steady
            self.deaths = 1 if steady else self.deaths + 1
            pause = min(LAST_BACKOFF, FIRST_BACKOFF * 2 ** min(self.deaths - 1, 16))
            self._restart_at = now + pause
            logger.warning(
                "the %s ended with code %d; starting it again in %g s", self.program.name, self.exit_code, pause
            )
        if self._restart_at is None or now >= self._restart_at:
            self._restart_at = None
            self.start()

    @property
    def hopeless(self) -> bool:
        """Whether restarts are useless, because the process ends by itself and has never run for long."""
        gave_up = self.exit_code is not None and self.exit_code > 0
        return gave_up and self.deaths >= HOPELESS_DEATHS and not self._was_steady

    def begin_stop(self) -> None:
        """Begin to stop: from now on `stopped` sends the signals that end the program."""
        self._stop_began = time.monotonic()
        self._farewell = list(self.program.farewell)

    def stopped(self) -> bool:
        """Send the signals that are due; whether the process has ended."""
        if not self.alive():
            return True
        while self._farewell and time.monotonic() - self._stop_began >= self._farewell[0][0]:
            _, due = self._farewell.pop(0)
            if due is signal.SIGKILL:
                self._kill_group()
            elif self._process is not None:
                self._process.send_signal(due)
        return False

    def hurry(self) -> None:
        """Let `stopped` kill the process at once."""
        self._farewell = [(0.0, signal.SIGKILL)]

    def _kill_group(self) -> None:
        """Kill the process and whatever it has started."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def rotate_log(self) -> None:
        """Rename a large log of earlier starts."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > ROTATE_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))

    def bound_log(self) -> None:
        """Copy a large log and empty it while the process keeps writing to it.

        The process appends, so its next line is the first of the emptied file. A line written in between is lost.
        """
        with suppress(OSError):
            if self.log.stat().st_size > ROTATE_BYTES:
                with suppress(OSError):  # on a full disk, space matters more than old lines
                    shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
                os.truncate(self.log, 0)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that the process wrote."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 8192))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""
