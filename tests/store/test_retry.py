from collections.abc import Callable

import pytest

from gatelab.errors import LeaseLost, Unavailable
from gatelab.store import retrying
from tests.waiting import retry_at_once


def failing(times: int, error: Exception) -> Callable[[], int]:
    """An action that raises `error` this number of times, and then returns how often it was called."""
    calls = 0

    def act() -> int:
        nonlocal calls
        calls += 1
        if calls <= times:
            raise error
        return calls

    return act


def test_an_action_is_repeated_until_the_database_is_back() -> None:
    assert retrying(failing(2, Unavailable()), seconds=10) == 3


def test_the_last_error_is_raised_when_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    retry_at_once(monkeypatch)
    calls: list[None] = []

    def act() -> None:
        calls.append(None)
        raise Unavailable

    with pytest.raises(Unavailable):
        retrying(act, seconds=100)
    assert 100 <= len(calls) <= 210, "pauses last half a second to one second, except for the first few"


def test_other_errors_are_not_waited_out() -> None:
    action = failing(1, LeaseLost())
    with pytest.raises(LeaseLost):
        retrying(action, seconds=10)
    assert action() == 2
