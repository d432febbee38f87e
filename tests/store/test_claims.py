from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import select

from gatelab.errors import LeaseLost
from gatelab.store import Claim, Flags, Job, Report, State, Store
from gatelab.store.tables import runs
from gatelab.wire.evaluations import Evaluation, Sample
from tests.leases import renew
from tests.store.conftest import at_once, claimed, event_types, expire


def test_a_claim_says_what_to_do(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job()
    claim = claimed(store, "me")
    run = store.runs.get(claim.run_id)
    assert (claim.job_id, claim.spec, claim.corpus_id) == (job.id, run.spec, job.corpus_id)
    assert (claim.token, claim.attempt, claim.step, claim.epoch, claim.total_steps) == (1, 1, 0, 0, None)
    assert (run.state, run.owner, run.attempt) == (State.RUNNING, "me", 1)
    assert run.started_at is not None
    assert event_types(store, job.id) == ["job_created", "run_started"]


def test_nothing_queued_is_nothing_claimed(store: Store) -> None:
    assert store.claims.claim("me") is None


def test_runs_are_claimed_oldest_job_first_and_in_their_order(store: Store, new_job: Callable[..., Job]) -> None:
    jobs = [new_job(12), new_job(3)]
    expected = [run.id for job in jobs for run in store.runs.list(job_id=job.id).items]
    assert [claimed(store).run_id for _ in expected] == expected


def test_many_workers_claim_each_run_once(store: Store, new_job: Callable[..., Job]) -> None:
    jobs = [new_job(25), new_job(25)]

    def work() -> list[str]:
        done = []
        while claim := store.claims.claim("worker"):
            done.append(claim.run_id)
        return done

    claims = [run_id for done in at_once([work] * 8) for run_id in done]
    assert sorted(claims) == sorted(run.id for job in jobs for run in store.runs.list(job_id=job.id).items)
    assert all(run.attempt == 1 for run in store.runs.list().items)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_run_that_a_stopped_process_holds_is_passed_over(store: Store, new_job: Callable[..., Job]) -> None:
    first, second = store.runs.list(job_id=new_job(2).id).items
    with store.database.write() as stopped:
        stopped.execute(select(runs.c.id).where(runs.c.id == first.id).with_for_update())
        assert claimed(store).run_id == second.id


def test_a_run_that_ends_its_slice_goes_to_the_back_of_the_queue(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job(2)
    first = claimed(store)
    store.claims.record(first, Report(step=5, epoch=1, total_steps=9, checkpoint=b"five", next_state=State.QUEUED))
    assert claimed(store).run_id != first.run_id
    again = claimed(store)
    assert again.run_id == first.run_id
    assert (again.token, again.attempt, again.step, again.epoch, again.total_steps) == (2, 2, 5, 1, 9)
    assert store.runs.get(again.run_id).started_at == store.jobs.get(job.id).started_at
    assert event_types(store, job.id).count("run_started") == 2, "one for each run, whatever its slices"


def test_a_run_that_is_given_back_keeps_its_place(store: Store, new_job: Callable[..., Job]) -> None:
    new_job(2)
    first = claimed(store)
    store.claims.release(first)
    assert claimed(store).run_id == first.run_id


def test_a_heartbeat_keeps_the_lease(store: Store, claim: Claim) -> None:
    expire(store, claim.run_id)
    assert renew(store, claim) == Flags(cancel=False, pause=False)
    assert store.reaper.reap() == []


def measured(step: int, checkpoint: bytes | None = None) -> Report:
    return Report(
        step=step,
        epoch=step // 10,
        metrics=[Evaluation(step=step, epoch=step // 10)],
        samples=[Sample(step=step, epoch=step // 10, prefix="", text="")],
        checkpoint=checkpoint,
    )


def test_what_came_after_the_last_checkpoint_is_done_again(store: Store, claim: Claim) -> None:
    store.claims.record(claim, measured(0))
    store.claims.record(claim, measured(10, checkpoint=b"ten"))
    store.claims.record(claim, measured(20))
    expire(store, claim.run_id)
    store.reaper.reap()
    again = claimed(store)
    assert (again.step, again.epoch) == (10, 1)
    assert [row.step for row in store.metrics.list(claim.run_id)] == [0, 10]
    assert [row.step for row in store.samples.list(claim.run_id)] == [0, 10]
    store.claims.record(again, measured(20))


def test_a_run_without_a_checkpoint_begins_anew(store: Store, claim: Claim) -> None:
    store.claims.record(claim, measured(0))
    expire(store, claim.run_id)
    store.reaper.reap()
    assert claimed(store).step == 0
    assert store.metrics.list(claim.run_id) == []


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.QUEUED])
def test_a_claim_ends_with_the_run_s_next_state(store: Store, claim: Claim, state: State) -> None:
    store.claims.record(claim, Report(step=1, epoch=1, next_state=state))
    run = store.runs.get(claim.run_id)
    assert (run.state, run.owner) == (state, None)
    for write in (partial(renew, store), store.claims.release):
        with pytest.raises(LeaseLost):
            write(claim)
