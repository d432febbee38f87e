"""How tests wait: for a condition, for a time that no machine needs, and that only a failure costs."""

import time
from collections.abc import Callable

PATIENCE = 120.0
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
