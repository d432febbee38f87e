"""Decides how often to record."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

CHECKPOINT_SHARE = 20
"""Records are due after this multiple of the time of the last ones, so that they cost at most 5 % of the time."""


class Cadence:
    """Decides when the members of a pack are recorded, all at a time.

    Args:
        seconds: the shortest time between two records of a run.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._recorded_at = time.monotonic()
        self._cost = 0.0

    def due(self) -> bool:
        return time.monotonic() - self._recorded_at > max(self._seconds, CHECKPOINT_SHARE * self._cost)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Time the records that are made in this block."""
        begun = time.monotonic()
        yield
        self._recorded_at = time.monotonic()
        self._cost = self._recorded_at - begun
