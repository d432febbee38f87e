"""How tests wait: for a condition, for a time that no machine needs, and that only a failure costs."""

import time
from collections.abc import Callable

import pytest

PATIENCE = 240.0
"""Seconds. Generous on a machine that does much else; pytest's own limit for a test is longer still."""


def comes_true(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def eventually(condition: Callable[[], object], what: str) -> None:
    """Fail unless the condition comes true.

    Args:
        what: completes the sentence "waited in vain until …".
    """
    assert comes_true(condition), f"waited {PATIENCE:.0f} s in vain until {what}"


class Clock:
    """Stands in for the module `time`: only sleeping lets time pass, and takes none."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


def retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store wait for an absent database as often as ever, but in no time."""
    monkeypatch.setattr("gatelab.store.retry.time", Clock())
