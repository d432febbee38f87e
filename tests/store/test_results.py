"""Reports and predictions read everything about many runs as it was written."""

from collections.abc import Callable
from typing import Any

import pytest

from gatelab.costs import Expected, Past, Work
from gatelab.errors import InvalidRequest, NotFound
from gatelab.reports.records import Evaluation
from gatelab.specs import JobSpec
from gatelab.store import Corpus, Job, Report, State, Store
from gatelab.store import results as results_module
from gatelab.wire import evaluations as wire
from gatelab.wire.evaluations import Sample, Summary
from tests.store.conftest import claimed

WORK = Work(parameters=5, memory_bytes=7, scan_steps=11, elements=13, flops=17)


def train(store: Store, epochs: int = 3, state: State = State.SUCCEEDED, **changes: Any) -> str:
    """Write the records of training the next run. Returns its id."""
    claim = claimed(store)
    metrics = [
        wire.Evaluation(
            step=10 * epoch, epoch=epoch, train_loss=3.0 / epoch, validation_loss=2.0 / epoch, seconds=epoch
        )
        for epoch in range(1, epochs + 1)
    ]
    summary = Summary(seconds=4.5, tokens_per_second=100.0)
    report: dict[str, Any] = {
        "step": 10 * epochs,
        "epoch": epochs,
        "total_steps": 10 * epochs,
        "parameters": 5,
        "device": "cpu",
        "metrics": metrics,
        "samples": [Sample(step=10, epoch=1, prefix="it ", text="is")],
        "summary": summary,
        "next_state": state,
    }
    store.claims.record(claim, Report(**report | changes))
    return claim.run_id


def queue(store: Store, corpus: Corpus, seconds: float | None = 2.5, count: int = 1, **spec: Any) -> Job:
    job = JobSpec(corpus="abc", **spec)
    return store.jobs.create(job, corpus.id, [job.base()] * count, expected=[Expected(WORK, seconds)] * count)


def test_records_are_what_was_written(store: Store, corpus: Corpus) -> None:
    job = queue(store, corpus, count=2)
    first = train(store)
    found = store.results.of_job(job.id)
    assert [record.id for record in found] == [run.id for run in store.runs.list(job_id=job.id).items]
    record = found[0]
    assert (record.id, record.state, record.seconds, record.predicted_seconds) == (first, "succeeded", 4.5, 2.5)
    assert (record.corpus, record.corpus_sha256, record.sample) == ("abc", corpus.sha256, "it is")
    assert record.evaluations[0] == Evaluation(1, 10, 3.0, 2.0, None, None, None, 1.0)
    assert [at.epoch for at in record.evaluations] == [1, 2, 3]
    assert (found[1].state, list(found[1].evaluations), found[1].sample) == ("queued", [], None)


def test_runs_come_in_the_order_in_which_they_were_named(store: Store, new_job: Callable[..., Job]) -> None:
    jobs = [new_job(2), new_job(1)]
    ids = [run.id for job in jobs for run in store.runs.list(job_id=job.id).items]
    for order in (ids, ids[::-1], [ids[2], ids[0]]):
        assert [record.id for record in store.results.of_runs(order)] == order


@pytest.mark.parametrize("ids", [[], ["a", "a"]])
def test_runs_are_named_once(store: Store, ids: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="runs"):
        store.results.of_runs(ids)


def test_what_is_not_there_is_said(store: Store, new_job: Callable[..., Job]) -> None:
    known = store.runs.list(job_id=new_job().id).items[0].id
    with pytest.raises(NotFound, match="run-x"):
        store.results.of_runs([known, "run-x"])
    with pytest.raises(NotFound, match="job-x"):
        store.results.of_job("job-x")


def test_long_histories_are_thinned_and_keep_their_end(
    store: Store, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "MOST_EVALUATIONS", 10)
    job = queue(store, corpus)
    train(store, epochs=25)
    [record] = store.results.of_job(job.id)
    assert [at.epoch for at in record.evaluations] == [3, 6, 9, 12, 15, 18, 21, 24, 25]


def test_the_history_is_of_runs_that_succeeded_on_the_latest_device_and_engine(store: Store, corpus: Corpus) -> None:
    assert store.results.history() == results_module.History(None, [])
    queue(store, corpus, count=6)
    train(store, device="cpu")
    train(store, device="cuda (fast)", engine="torch")
    train(store, device="cuda (fast)", engine="triton", summary=Summary(seconds=9.0))
    train(store, device="cuda (fast)", engine="triton", summary=Summary())
    train(store, device="cpu", state=State.FAILED)
    found = store.results.history()
    assert store.results.history(around=True).runs == [], "of models with fields around their cells there is none"
    assert found == results_module.History("cuda (fast)", [Past("gru", WORK, 9.0)])


def test_runs_whose_work_is_not_known_teach_nothing(store: Store, new_job: Callable[..., Job]) -> None:
    new_job()
    train(store)
    assert store.results.history().runs == []
