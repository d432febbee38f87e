from collections.abc import Callable

import pytest

from gatelab.errors import LeaseLost, Unavailable
from gatelab.store import retrying


def failing(times: int, error: Exception) -> Callable[[], int]:
    """An action that raises `error` so many times and then returns how often it was called."""
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


def test_the_last_error_is_raised_when_time_is_over() -> None:
    with pytest.raises(Unavailable):
        retrying(failing(10**9, Unavailable()), seconds=0.1)


def test_other_errors_are_not_waited_out() -> None:
    action = failing(1, LeaseLost())
    with pytest.raises(LeaseLost):
        retrying(action, seconds=10)
    assert action() == 2
