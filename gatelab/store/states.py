"""The states of a run, the moves between them, and the state of a job. Every writer uses these rules.

queued ──> running ──> succeeded | failed | cancelled
  ^  │        │
  │  │        ├──> queued     end of a slice, or the lease expired
  │  └────────┴──> paused ──> queued
  └── paused | queued ──> cancelled
"""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
"""No move leads out of these."""

MOVES: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.CANCELLED}),
    State.RUNNING: frozenset(State) - {State.RUNNING},
    State.PAUSED: frozenset({State.QUEUED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""State -> the states that may follow it."""

SOURCES: Mapping[State, frozenset[State]] = {
    target: frozenset(state for state, targets in MOVES.items() if target in targets) for target in State
}
"""State -> the states that it may follow."""

PRECEDENCE = (
    State.RUNNING,
    State.QUEUED,
    State.PAUSED,
    State.FAILED,
    State.CANCELLED,
    State.SUCCEEDED,
)
"""A job's state is the first of these that any of its runs has."""


def job_state(counts: Mapping[State, int]) -> State:
    """The state of a job with these counts of runs by state."""
    return next((state for state in PRECEDENCE if counts.get(state)), State.SUCCEEDED)


def settle(wanted: State, *, cancel: bool, pause: bool) -> State:
    """The new state of a run that stops running with `wanted`, given what users asked for meanwhile.

    A run that would continue is cancelled or paused if that was requested. A pause that was withdrawn before the run
    reached it does not count.
    """
    if wanted not in (State.QUEUED, State.PAUSED):
        return wanted
    if cancel:
        return State.CANCELLED
    return State.PAUSED if pause else State.QUEUED
