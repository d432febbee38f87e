"""Cancel, pause and resume, for a job whose only run is in each state."""

from collections.abc import Callable

import pytest

from gatelab.errors import WrongState
from gatelab.store import Claim, Flags, Job, Report, State, Store
from tests.leases import renew
from tests.store.conftest import claimed, event_types


@pytest.fixture
def job_in(store: Store, new_job: Callable[..., Job]) -> Callable[[State], str]:
    """A function that makes a job of one run in the given state and returns the job's id."""

    def make(state: State) -> str:
        job = new_job()
        if state is State.PAUSED:
            store.jobs.pause(job.id)
        elif state is State.CANCELLED:
            store.jobs.cancel(job.id)
        elif state is not State.QUEUED:
            claim = claimed(store)
            if state is not State.RUNNING:
                store.claims.record(claim, Report(step=1, epoch=1, next_state=state))
        assert store.jobs.get(job.id).state is state
        return job.id

    return make


REFUSED = None

TABLE: list[tuple[str, State, State | None]] = [
    ("cancel", State.QUEUED, State.CANCELLED),
    ("cancel", State.RUNNING, State.RUNNING),
    ("cancel", State.PAUSED, State.CANCELLED),
    ("cancel", State.SUCCEEDED, REFUSED),
    ("cancel", State.FAILED, REFUSED),
    ("cancel", State.CANCELLED, State.CANCELLED),
    ("pause", State.QUEUED, State.PAUSED),
    ("pause", State.RUNNING, State.RUNNING),
    ("pause", State.PAUSED, State.PAUSED),
    ("pause", State.SUCCEEDED, REFUSED),
    ("pause", State.FAILED, REFUSED),
    ("pause", State.CANCELLED, REFUSED),
    ("resume", State.QUEUED, State.QUEUED),
    ("resume", State.RUNNING, State.RUNNING),
    ("resume", State.PAUSED, State.QUEUED),
    ("resume", State.SUCCEEDED, REFUSED),
    ("resume", State.FAILED, REFUSED),
    ("resume", State.CANCELLED, REFUSED),
]


@pytest.mark.parametrize(("action", "state", "then"), TABLE)
def test_the_state_after_an_action(
    store: Store, job_in: Callable[[State], str], action: str, state: State, then: State | None
) -> None:
    job_id = job_in(state)
    act = getattr(store.jobs, action)
    if then is REFUSED:
        with pytest.raises(WrongState):
            act(job_id)
        assert store.jobs.get(job_id).state is state
        return
    assert act(job_id).state is then
    events = event_types(store, job_id)
    assert act(job_id).state is then
    assert event_types(store, job_id) == events, "asking a second time changes nothing"


def running(store: Store, job_in: Callable[[State], str]) -> tuple[str, Claim]:
    job_in(State.QUEUED)
    claim = claimed(store)
    return claim.job_id, claim


def test_a_running_run_learns_what_it_is_asked_for(store: Store, job_in: Callable[[State], str]) -> None:
    job_id, claim = running(store, job_in)
    assert renew(store, claim) == Flags(cancel=False, pause=False)
    store.jobs.pause(job_id)
    assert renew(store, claim) == Flags(cancel=False, pause=True)
    store.jobs.cancel(job_id)
    assert store.claims.record(claim, Report(step=1, epoch=0)) == Flags(cancel=True, pause=True)


def test_a_run_that_ends_its_slice_is_paused_if_asked(store: Store, job_in: Callable[[State], str]) -> None:
    job_id, claim = running(store, job_in)
    store.jobs.pause(job_id)
    store.claims.record(claim, Report(step=1, epoch=0, next_state=State.QUEUED))
    run = store.runs.get(claim.run_id)
    assert (run.state, run.pause_requested, run.owner) == (State.PAUSED, False, None)
    assert store.claims.claim("other") is None
    store.jobs.resume(job_id)
    assert claimed(store).run_id == claim.run_id


def test_a_run_that_ends_its_slice_is_cancelled_if_asked(store: Store, job_in: Callable[[State], str]) -> None:
    job_id, claim = running(store, job_in)
    store.jobs.cancel(job_id)
    store.claims.record(claim, Report(step=1, epoch=0, next_state=State.QUEUED))
    assert store.runs.get(claim.run_id).state is State.CANCELLED
    assert event_types(store, job_id)[-2:] == ["run_cancelled", "job_finished"]


def test_a_run_that_ends_while_it_is_to_be_cancelled_has_succeeded(
    store: Store, job_in: Callable[[State], str]
) -> None:
    job_id, claim = running(store, job_in)
    store.jobs.cancel(job_id)
    store.claims.record(claim, Report(step=1, epoch=0, next_state=State.SUCCEEDED))
    assert store.jobs.get(job_id).state is State.SUCCEEDED


def test_a_pause_that_was_withdrawn_in_time_is_none(store: Store, job_in: Callable[[State], str]) -> None:
    job_id, claim = running(store, job_in)
    store.jobs.pause(job_id)
    store.jobs.resume(job_id)
    store.claims.record(claim, Report(step=1, epoch=0, next_state=State.PAUSED))
    assert store.runs.get(claim.run_id).state is State.QUEUED


def test_a_run_that_is_given_back_is_cancelled_if_asked(store: Store, job_in: Callable[[State], str]) -> None:
    job_id, claim = running(store, job_in)
    store.jobs.cancel(job_id)
    store.claims.release(claim)
    assert store.runs.get(claim.run_id).state is State.CANCELLED


def test_a_job_that_is_being_cancelled_is_not_resumed(store: Store, job_in: Callable[[State], str]) -> None:
    job_id, _ = running(store, job_in)
    store.jobs.cancel(job_id)
    for act in (store.jobs.pause, store.jobs.resume):
        with pytest.raises(WrongState, match="being cancelled"):
            act(job_id)


def test_a_job_is_not_deleted_under_a_worker(store: Store, job_in: Callable[[State], str]) -> None:
    job_id, claim = running(store, job_in)
    with pytest.raises(WrongState, match="running"):
        store.jobs.delete(job_id)
    store.claims.record(claim, Report(step=1, epoch=0, next_state=State.FAILED))
    store.jobs.delete(job_id)


def test_each_run_of_a_job_is_steered_by_its_own_state(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job(4)
    store.claims.record(claimed(store), Report(step=1, epoch=1, next_state=State.SUCCEEDED))
    claim = claimed(store)
    after = store.jobs.cancel(job.id)
    assert {state: count for state, count in after.counts.items() if count} == {
        State.SUCCEEDED: 1,
        State.RUNNING: 1,
        State.CANCELLED: 2,
    }
    store.claims.record(claim, Report(step=1, epoch=1, next_state=State.QUEUED))
    assert store.jobs.get(job.id).state is State.CANCELLED
    assert event_types(store, job.id).count("job_finished") == 1
