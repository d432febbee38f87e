"""Claiming the runs of a pack, renewing their leases, and releasing them."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from gatelab.errors import LeaseLost
from gatelab.specs import JobSpec, parse
from gatelab.store import Claim, Flags, Job, Report, State, Store
from gatelab.store.tables import runs
from gatelab.sweeps import expand
from gatelab.wire.evaluations import Evaluation
from tests.leases import renew
from tests.store.conftest import at_once, claimed, event_types, expire

JobOf = Callable[..., Job]


@pytest.fixture
def job_of(store: Store) -> JobOf:
    """A function that makes a job whose runs take the given values at a path of the spec."""

    def make(path: str, values: list[Any], corpus: str = "abc") -> Job:
        found, _ = store.corpora.add(corpus, corpus * 100)
        spec = parse(JobSpec, {"corpus": corpus, "grid": {path: values}})
        return store.jobs.create(spec, found.id, expand(spec, 100))

    return make


def ids(claims: list[Claim]) -> list[str]:
    return [claim.run_id for claim in claims]


def runs_of(store: Store, job: Job) -> list[str]:
    return [run.id for run in store.runs.list(job_id=job.id).items]


def test_runs_of_equal_shape_are_claimed_together_over_all_jobs(store: Store, job_of: JobOf) -> None:
    first = job_of("training.seed", [1, 2])
    job_of("model.layers", [2, 3])
    second = job_of("model.layers", [1, 2])
    mine = claimed(store, "me")
    alike = store.claims.claim_alike(mine, 10)
    assert [mine.run_id, *ids(alike)] == [*runs_of(store, first), runs_of(store, second)[0]]
    assert {(c.owner, c.token, c.attempt, c.step) for c in [mine, *alike]} == {("me", 1, 1, 0)}
    for claim in alike:
        run = store.runs.get(claim.run_id)
        assert (run.state, run.owner, claim.spec, claim.job_id) == (State.RUNNING, "me", run.spec, run.job_id)
        assert run.started_at is not None
    assert event_types(store, second.id) == ["job_created", "run_started"]
    assert len(store.runs.list(state=State.QUEUED).items) == 3


def test_the_oldest_are_claimed_and_not_more_than_asked_for(store: Store, job_of: JobOf) -> None:
    order = [run for _ in range(2) for run in runs_of(store, job_of("training.seed", [1, 2, 3]))]
    mine = claimed(store)
    assert ids(store.claims.claim_alike(mine, 3)) == order[1:4]
    assert store.claims.claim_alike(mine, 0) == []
    assert claimed(store).run_id == order[4]


def test_another_corpus_is_another_shape(store: Store, job_of: JobOf) -> None:
    job_of("training.seed", [1])
    job_of("training.seed", [1], corpus="xyz")
    assert store.claims.claim_alike(claimed(store), 10) == []


def test_a_claim_takes_a_run_back_to_its_own_checkpoint(store: Store, job_of: JobOf) -> None:
    job_of("training.seed", [1, 2, 3])
    for step in (10, 20):
        claim = claimed(store)
        store.claims.record(claim, Report(step, 1, metrics=[Evaluation(step=step, epoch=1)], checkpoint=b"x"))
        store.claims.record(claim, Report(step + 5, 2, metrics=[Evaluation(step=step + 5, epoch=2)]))
        store.claims.release(claim)
        with store.database.write() as connection:
            connection.execute(update(runs).where(runs.c.id == claim.run_id).values(queued_at=1e12 + step))
    mine = claimed(store)
    alike = store.claims.claim_alike(mine, 10)
    assert [claim.step for claim in [mine, *alike]] == [0, 10, 20]
    assert [[row.step for row in store.metrics.list(claim.run_id)] for claim in alike] == [[10], [20]]


def test_many_workers_claim_each_run_once(store: Store, job_of: JobOf) -> None:
    jobs = [job_of("training.seed", list(range(20))), job_of("model.layers", [1, 2] * 10)]

    def work() -> list[str]:
        done = []
        while claim := store.claims.claim("worker"):
            done += [claim.run_id, *ids(store.claims.claim_alike(claim, 4))]
        return done

    taken = [run_id for done in at_once([work] * 6) for run_id in done]
    assert sorted(taken) == sorted(run_id for job in jobs for run_id in runs_of(store, job))
    assert all(run.attempt == 1 for run in store.runs.list().items)


def test_a_run_that_took_its_worker_down_is_trained_alone(store: Store, job_of: JobOf) -> None:
    first, second, third = runs_of(store, job_of("training.seed", [1, 2, 3]))
    store.claims.release(claimed(store), crashed=True)
    suspect = claimed(store)
    assert (suspect.run_id, suspect.crash_count) == (first, 1)
    assert store.claims.claim_alike(suspect, 10) == []
    store.claims.release(suspect)
    with store.database.write() as connection:
        connection.execute(update(runs).where(runs.c.id == first).values(queued_at=1e12))
    mine = claimed(store)
    assert (mine.run_id, ids(store.claims.claim_alike(mine, 10))) == (second, [third])


def test_a_fault_that_counts_as_a_crash_can_be_the_last(store: Store, claim: Claim) -> None:
    store.claims.release(claim, crashed=True)
    for count in (1, 2):
        assert store.runs.get(claim.run_id).crash_count == count
        expire(store, claimed(store).run_id)
        store.reaper.reap()
    run = store.runs.get(claim.run_id)
    assert run.error is not None
    assert (run.state, run.error.type) == (State.FAILED, "crashed")


def test_leases_are_renewed_together_and_each_is_lost_alone(store: Store, job_of: JobOf) -> None:
    job_of("training.seed", [1, 2, 3])
    mine = claimed(store)
    claims = [mine, *store.claims.claim_alike(mine, 10)]
    for claim in claims:
        expire(store, claim.run_id)
    taken, *kept = claims
    with store.database.write() as connection:
        connection.execute(update(runs).where(runs.c.id == taken.run_id).values(token=9))
    store.jobs.pause(mine.job_id)
    assert store.claims.heartbeats(claims) == {claim.run_id: Flags(cancel=False, pause=True) for claim in kept}
    assert store.reaper.reap() == []
    assert store.runs.get(taken.run_id).state == State.PAUSED, "it was lost, not renewed"
    with pytest.raises(LeaseLost):
        renew(store, taken)
