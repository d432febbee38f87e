"""Requests to stop the launcher, noticed at once while it waits."""

import os
import select
import signal
from types import FrameType, TracebackType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STDIN = 0


class Interrupts:
    """Counts requests to stop: SIGINT, SIGTERM, SIGHUP and, if requested, the end of standard input.

    When a parent is killed, its end of standard input closes, which stops its launcher too.
    """

    def __init__(self, stop_on_eof: bool = False) -> None:
        self.requests = 0
        self._watch_input = stop_on_eof

    def __enter__(self) -> "Interrupts":
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._former_wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._former = {number: signal.signal(number, self._count) for number in STOP_SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_wakeup)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> bool:
        """Wait for this time, or until a request to stop arrives. Returns whether there has been one."""
        if self.requests:
            seconds = min(seconds, 0.05)
        ready, _, _ = select.select(self._sources(), [], [], seconds)
        if self._reader in ready:
            os.read(self._reader, 4096)
        if STDIN in ready and not os.read(STDIN, 4096):
            self._watch_input = False
            self.requests += 1
        return self.requests > 0

    def _sources(self) -> tuple[int, ...]:
        return (self._reader, STDIN) if self._watch_input else (self._reader,)

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.requests += 1
