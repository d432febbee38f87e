"""A run that is cancelled just when it is claimed, released, finished or reaped ends exactly once, in one state."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from gatelab.errors import GatelabError, LeaseLost, WrongState
from gatelab.store import FINISHED, Claim, Job, Report, State, Store
from tests.faults.store.checks import all_events, check_history
from tests.leases import renew
from tests.store.conftest import at_once, claimed, expire

ROUNDS = 6
Action = Callable[[], Any]


def race(actions: list[Action]) -> list[Any]:
    """The results of actions that begin at the same moment; a refusal is a result, too."""
    gate = Barrier(len(actions))

    def act(action: Action) -> Any:
        gate.wait()
        try:
            return action()
        except (LeaseLost, WrongState) as refusal:
            return refusal

    return at_once([partial(act, action) for action in actions])


def end(store: Store, claim: Claim, state: State) -> None:
    store.claims.record(claim, Report(step=1, epoch=1, next_state=state))


def check_it_has_ended_for_good(store: Store, job: Job, claim: Claim | None) -> State:
    """Check that no action changes the run from now on."""
    [run] = store.runs.list(job_id=job.id).items
    assert run.state in FINISHED
    told = all_events(store, job.id)
    late: list[Action] = [store.reaper.reap, lambda: store.claims.claim("late")]
    late += [partial(act, job.id) for act in (store.jobs.cancel, store.jobs.pause, store.jobs.resume)]
    if claim is not None:
        late += [partial(end, store, claim, state) for state in State if state is not State.RUNNING]
        late += [partial(renew, store, claim), partial(store.claims.release, claim)]
    for action in late:
        with suppress(LeaseLost, WrongState):
            action()
        assert (store.runs.get(run.id), all_events(store, job.id)) == (run, told)
    check_history(store, job.id)
    return run.state


def test_cancel_against_a_claim(store: Store, new_job: Callable[..., Job]) -> None:
    for _ in range(ROUNDS):
        job = new_job()
        _, claim = race([partial(store.jobs.cancel, job.id), partial(store.claims.claim, "worker")])
        if claim is not None:
            assert renew(store, claim).cancel, "the worker learns of it"
            end(store, claim, State.QUEUED)
        assert check_it_has_ended_for_good(store, job, claim) is State.CANCELLED


@pytest.mark.parametrize("state", [State.QUEUED, State.PAUSED, State.SUCCEEDED, State.FAILED])
def test_cancel_against_the_end_of_a_slice(store: Store, new_job: Callable[..., Job], state: State) -> None:
    for _ in range(ROUNDS):
        job = new_job()
        claim = claimed(store)
        cancelled, _ = race([partial(store.jobs.cancel, job.id), partial(end, store, claim, state)])
        ended = check_it_has_ended_for_good(store, job, claim)
        assert ended is (state if state in FINISHED else State.CANCELLED)
        if isinstance(cancelled, GatelabError):
            assert ended is state, "a cancellation is refused only where the run has ended by itself"


def test_cancel_against_the_reaper_and_a_worker_that_comes_back(store: Store, new_job: Callable[..., Job]) -> None:
    for _ in range(ROUNDS):
        job = new_job()
        claim = claimed(store)
        expire(store, claim.run_id)
        cancel, back = partial(store.jobs.cancel, job.id), partial(end, store, claim, State.SUCCEEDED)
        race([cancel, store.reaper.reap, back])
        store.reaper.reap()  # it passes over what is locked
        ended = check_it_has_ended_for_good(store, job, claim)
        assert ended in (State.CANCELLED, State.SUCCEEDED)


def test_many_cancellations_at_once_are_one(store: Store, new_job: Callable[..., Job]) -> None:
    for _ in range(ROUNDS // 2):
        job = new_job()
        race([partial(store.jobs.cancel, job.id)] * 6)
        assert check_it_has_ended_for_good(store, job, None) is State.CANCELLED
