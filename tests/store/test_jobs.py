from collections.abc import Callable
from typing import Any

import pytest

from gatelab.errors import InvalidRequest, NotFound
from gatelab.specs import JobSpec, RunSpec, TrainingSpec
from gatelab.store import Corpus, Job, Report, State, Store, pagination
from gatelab.wire.runs import RunError
from tests.store.conftest import claimed, event_types


def test_a_job_comes_back_as_it_went_in(store: Store, corpus: Corpus) -> None:
    spec = JobSpec(corpus="abc", name="mine", grid={"training.seed": [1, 2]}, repeats=2)
    specs = [RunSpec(corpus="abc", training=TrainingSpec(seed=seed)) for seed in (1, 2, 2, 3)]
    job = store.jobs.create(spec, corpus.id, specs)
    assert store.jobs.get(job.id) == job
    assert (job.name, job.spec, job.corpus_id, job.total) == ("mine", spec, corpus.id, 4)
    assert (job.state, job.progress, job.started_at, job.finished_at) == (State.QUEUED, 0, None, None)
    runs = store.runs.list(job_id=job.id).items
    assert [run.spec for run in runs] == specs
    assert [run.index for run in runs] == [0, 1, 2, 3]
    assert event_types(store, job.id) == ["job_created"]


def test_a_job_needs_runs_and_a_corpus(store: Store, corpus: Corpus) -> None:
    spec = JobSpec(corpus="abc")
    with pytest.raises(InvalidRequest):
        store.jobs.create(spec, corpus.id, [])
    with pytest.raises(NotFound, match="corpus"):
        store.jobs.create(spec, "corpus-none", [spec.base()])
    assert store.jobs.list().items == []


def test_what_is_not_there_is_not_found(store: Store) -> None:
    for ask in (store.jobs.get, store.jobs.cancel, store.jobs.pause, store.jobs.resume, store.jobs.delete):
        with pytest.raises(NotFound, match="there is no job 'none'"):
            ask("none")
    with pytest.raises(NotFound, match="job"):
        store.runs.list(job_id="none")
    assert store.events.since("none", 0) == (True, [])
    for ask_run in (store.runs.get, store.metrics.list, store.samples.list, store.checkpoints.list):
        with pytest.raises(NotFound, match="there is no run 'none'"):
            ask_run("none")


def test_progress_is_the_mean_over_runs(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job(4)
    store.claims.record(claimed(store), Report(step=100, epoch=1, total_steps=100, next_state=State.SUCCEEDED))
    store.claims.record(claimed(store), Report(step=50, epoch=1, total_steps=100))
    store.claims.record(
        claimed(store), Report(step=1, epoch=0, next_state=State.FAILED, error=RunError(type="diverged"))
    )
    assert store.jobs.get(job.id).progress == pytest.approx((1 + 0.5 + 1 + 0) / 4)


def test_a_job_knows_when_it_began_and_ended(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job(2)
    first = claimed(store)
    store.claims.record(first, Report(step=1, epoch=1, next_state=State.SUCCEEDED))
    half = store.jobs.get(job.id)
    assert half.started_at == store.runs.get(first.run_id).started_at
    assert half.finished_at is None
    last = claimed(store)
    store.claims.record(last, Report(step=1, epoch=1, next_state=State.SUCCEEDED))
    assert store.jobs.get(job.id).finished_at == store.runs.get(last.run_id).finished_at
    assert event_types(store, job.id).count("job_finished") == 1


def test_jobs_are_listed_by_their_state(store: Store, new_job: Callable[..., Job]) -> None:
    succeeded = new_job()
    store.claims.record(claimed(store), Report(step=1, epoch=1, next_state=State.SUCCEEDED))
    failed = new_job(2)
    for outcome in (State.SUCCEEDED, State.FAILED):
        store.claims.record(claimed(store), Report(step=1, epoch=1, next_state=outcome))
    cancelled = new_job(2)
    store.claims.record(claimed(store), Report(step=1, epoch=1, next_state=State.SUCCEEDED))
    store.jobs.cancel(cancelled.id)
    paused = new_job()
    store.jobs.pause(paused.id)
    running = new_job(2)
    claimed(store)
    queued = new_job()
    expected = {
        State.SUCCEEDED: succeeded,
        State.FAILED: failed,
        State.CANCELLED: cancelled,
        State.PAUSED: paused,
        State.RUNNING: running,
        State.QUEUED: queued,
    }
    for state, job in expected.items():
        [found] = store.jobs.list(state=state).items
        assert (found.id, found.state) == (job.id, state)


def test_a_list_has_a_job_that_is_deleted_while_it_is_read(
    store: Store, new_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, other = new_job(), new_job()
    first_rows = pagination.first_rows

    def read_before_the_deletion(*asked: Any) -> Any:
        found = first_rows(*asked)
        store.jobs.delete(job.id)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(pagination, "first_rows", read_before_the_deletion)
        assert {each.id for each in store.jobs.list().items} == {job.id, other.id}
    assert {each.id for each in store.jobs.list().items} == {other.id}


def test_runs_are_listed_by_their_state(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job(3)
    claim = claimed(store)
    assert [run.id for run in store.runs.list(state=State.RUNNING).items] == [claim.run_id]
    assert len(store.runs.list(job_id=job.id, state=State.QUEUED).items) == 2
    assert store.count_runs().runs[State.QUEUED] == 2


def test_a_deleted_job_leaves_nothing(store: Store, new_job: Callable[..., Job]) -> None:
    job, other = new_job(2), new_job()
    store.jobs.delete(job.id)
    with pytest.raises(NotFound):
        store.jobs.get(job.id)
    assert {run.job_id for run in store.runs.list().items} == {other.id}
