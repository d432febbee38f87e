import pytest

from gatelab.store import FINISHED, State
from gatelab.store.states import MOVES, SOURCES, job_state, settle


def test_the_moves_are_those_of_the_design() -> None:
    unfinished = {State.QUEUED, State.RUNNING, State.PAUSED}
    assert {
        State.QUEUED: {State.RUNNING, State.PAUSED},
        State.RUNNING: {State.QUEUED},
        State.PAUSED: {State.QUEUED, State.RUNNING},
        State.SUCCEEDED: {State.RUNNING},
        State.FAILED: {State.RUNNING},
        State.CANCELLED: unfinished,
    } == SOURCES
    assert all(not MOVES[state] for state in FINISHED)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({State.RUNNING, State.QUEUED, State.FAILED}, State.RUNNING),
        ({State.QUEUED, State.PAUSED, State.SUCCEEDED}, State.QUEUED),
        ({State.PAUSED, State.FAILED}, State.PAUSED),
        ({State.FAILED, State.CANCELLED, State.SUCCEEDED}, State.FAILED),
        ({State.CANCELLED, State.SUCCEEDED}, State.CANCELLED),
        ({State.SUCCEEDED}, State.SUCCEEDED),
    ],
)
def test_a_job_s_state_is_that_of_its_most_pressing_run(states: set[State], expected: State) -> None:
    assert job_state({state: int(state in states) for state in State}) is expected


@pytest.mark.parametrize(
    ("wanted", "cancel", "pause", "expected"),
    [
        (State.QUEUED, False, False, State.QUEUED),
        (State.QUEUED, False, True, State.PAUSED),
        (State.QUEUED, True, True, State.CANCELLED),
        (State.PAUSED, False, False, State.QUEUED),
        (State.PAUSED, True, False, State.CANCELLED),
        (State.SUCCEEDED, True, True, State.SUCCEEDED),
        (State.FAILED, True, True, State.FAILED),
        (State.CANCELLED, False, False, State.CANCELLED),
    ],
)
def test_a_run_settles_as_users_asked(wanted: State, cancel: bool, pause: bool, expected: State) -> None:
    assert settle(wanted, cancel=cancel, pause=pause) is expected
