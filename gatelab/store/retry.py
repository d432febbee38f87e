"""Waiting for a database that is away for a moment."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from gatelab.errors import Unavailable

Result = TypeVar("Result")

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


def retrying(action: Callable[[], Result], seconds: float) -> Result:
    """The result of `action`, which is called again while it raises Unavailable, for about `seconds`.

    Pauses grow from 0.05 s to 1 s, with jitter so that many workers do not come back at the same moment. The
    action must be safe to repeat: it may have succeeded without an answer.

    Raises:
        Unavailable: the last one, once the time is over.
    """
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE
    while True:
        try:
            return action()
        except Unavailable:
            if time.monotonic() + pause > deadline:
                raise
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(2 * pause, LONGEST_PAUSE)
