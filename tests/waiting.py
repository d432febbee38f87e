"""How tests wait: for a condition, with a time limit that only a failing test reaches."""

import time
from collections.abc import Callable

import pytest

PATIENCE = 240.0
"""Seconds. Generous even on a busy machine; pytest's own limit for a test is even longer."""


def comes_true(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Whether the condition becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def eventually(condition: Callable[[], object], what: str) -> None:
    """Fail unless the condition becomes true in time.

    Args:
        what: completes the sentence "waited in vain until …".
    """
    assert comes_true(condition), f"waited {PATIENCE:.0f} s in vain until {what}"


class Clock:
    """Stands in for the module `time`: only sleeping advances the clock, and it takes no time."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


def retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store retry an absent database as often as usual, but without waiting."""
    monkeypatch.setattr("gatelab.store.retry.time", Clock())
