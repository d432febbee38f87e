"""When records are due."""

import pytest

from worker import cadence
from worker.cadence import CHECKPOINT_SHARE, Cadence


class Clock:
    """A clock that advances only if the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cadence, "time", clock)
    return clock


def test_a_record_is_due_after_its_time(clock: Clock) -> None:
    every = Cadence(5)
    assert not every.due()
    clock.now += 5
    assert not every.due()
    clock.now += 0.1
    assert every.due()
    with every.recording():
        pass
    assert not every.due()


def test_records_that_take_long_are_made_less_often(clock: Clock) -> None:
    every = Cadence(5)
    with every.recording():
        clock.now += 3
    clock.now += 3 * CHECKPOINT_SHARE
    assert not every.due(), "that would be more than one part in twenty"
    clock.now += 0.1
    assert every.due()
