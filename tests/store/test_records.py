"""A worker's report is stored completely, or not at all."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from gatelab.errors import Conflict, LeaseLost, Unavailable
from gatelab.store import Claim, Job, Report, State, Store
from gatelab.wire.evaluations import Evaluation, Sample, Summary
from gatelab.wire.events import Progress, RunEvaluated
from gatelab.wire.runs import RunError
from tests.events import events_of
from tests.leases import renew
from tests.store.conftest import at_once, claimed, event_types, expire
from tests.waiting import retry_at_once

FULL = Report(
    step=10,
    epoch=1,
    total_steps=100,
    parameters=1234,
    device="cpu",
    engine="torch",
    metrics=[
        Evaluation(
            step=10,
            epoch=1,
            train_loss=2.5,
            validation_loss=2.25,
            test_loss=2.75,
            bits_per_character=3.25,
            test_bits_per_character=3.5,
            tokens=2**40,
            seconds=1.5,
            tokens_per_second=1e6,
            gates=[{}, {"update": {"mean": 0.5, "near_zero": 0.25, "near_one": None}}],
        )
    ],
    samples=[Sample(step=10, epoch=1, prefix="it", text=" has\0\U0001f600")],
    summary=Summary(validation_loss=2.25, vocabulary=30),
    checkpoint=b"\0\xff",
    events=[Progress(step=10, epoch=1), RunEvaluated(step=10, epoch=1, validation_loss=2.25)],
)


def test_a_report_comes_back_as_it_went_in(store: Store, claim: Claim) -> None:
    store.claims.record(claim, FULL)
    run = store.runs.get(claim.run_id)
    assert (run.step, run.epoch, run.total_steps, run.parameters) == (10, 1, 100, 1234)
    assert (run.device, run.engine) == ("cpu", "torch")
    assert run.metrics == FULL.summary
    assert run.sample == FULL.samples[0]
    assert store.metrics.list(claim.run_id) == FULL.metrics
    assert store.samples.list(claim.run_id) == FULL.samples
    assert store.checkpoints.get(claim.run_id).data == b"\0\xff"
    found = events_of(store, claim.job_id, 2)
    assert [(event.type, event.run_id) for event in found] == [(told.type, claim.run_id) for told in FULL.events]
    assert [event.told.stored() for event in found] == [event.data for event in found]
    assert [event.told.stored() for event in found] == [told.stored() for told in FULL.events]


def test_a_later_report_changes_what_it_names(store: Store, claim: Claim) -> None:
    store.claims.record(claim, FULL)
    store.claims.record(claim, Report(step=20, epoch=2))
    run = store.runs.get(claim.run_id)
    assert (run.step, run.epoch, run.total_steps, run.parameters) == (20, 2, 100, 1234)
    assert (run.device, run.engine) == ("cpu", "torch")
    assert run.metrics == FULL.summary
    assert run.sample is not None


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_null(store: Store, claim: Claim, number: float) -> None:
    store.claims.record(
        claim,
        Report(
            step=1,
            epoch=1,
            metrics=[Evaluation(step=1, epoch=1, train_loss=number, validation_loss=1.0)],
            summary=Summary(train_loss=number, validation_loss=1.0),
            events=[Progress(step=1, epoch=0, train_loss=number)],
        ),
    )
    [row] = store.metrics.list(claim.run_id)
    assert (row.train_loss, row.validation_loss) == (None, 1.0)
    run = store.runs.get(claim.run_id)
    assert run.metrics is not None
    assert run.metrics.stored() == {"train_loss": None, "validation_loss": 1.0}
    assert events_of(store, claim.job_id)[-1].data == {"step": 1, "epoch": 0, "train_loss": None}


def test_a_failure_is_told(store: Store, claim: Claim) -> None:
    error = RunError(type="diverged", message="the loss is not finite", step=1, epoch=1)
    store.claims.record(claim, Report(step=1, epoch=0, next_state=State.FAILED, error=error))
    run = store.runs.get(claim.run_id)
    assert (run.state, run.error) == (State.FAILED, error)
    assert run.finished_at is not None
    failed, finished = events_of(store, claim.job_id)[-2:]
    assert (failed.type, failed.run_id, failed.data["error"]) == ("run_failed", claim.run_id, error.stored())
    assert (finished.type, finished.data["state"]) == ("job_finished", State.FAILED)


def counts(store: Store, claim: Claim) -> tuple[Any, ...]:
    """Everything that a report changes."""
    return (
        store.runs.get(claim.run_id),
        store.metrics.list(claim.run_id),
        store.samples.list(claim.run_id),
        store.checkpoints.list(claim.run_id),
        events_of(store, claim.job_id),
    )


@pytest.mark.parametrize(
    "twice",
    [{"metrics": [Evaluation(step=10, epoch=1)]}, {"samples": [Sample(step=10, epoch=1, prefix="", text="")]}],
)
def test_a_step_is_recorded_once_and_a_report_as_a_whole(store: Store, claim: Claim, twice: dict[str, Any]) -> None:
    store.claims.record(claim, FULL)
    before = counts(store, claim)
    report = Report(
        step=20, epoch=2, checkpoint=b"twenty", events=[Progress(step=20, epoch=2)], next_state=State.SUCCEEDED
    )
    with pytest.raises(Conflict):
        store.claims.record(claim, Report(**vars(report) | twice))
    assert counts(store, claim) == before


def test_a_zombie_writes_nothing(store: Store, claim: Claim) -> None:
    store.claims.record(claim, FULL)
    expire(store, claim.run_id)
    assert store.reaper.reap() == [claim.run_id]
    ended = State.FAILED
    late = Report(
        **vars(FULL) | {"step": 20, "metrics": [Evaluation(step=20, epoch=2)], "samples": [], "next_state": ended}
    )

    def refused() -> None:
        before = counts(store, claim)
        with pytest.raises(LeaseLost):
            store.claims.record(claim, late)
        for write in (partial(renew, store), store.claims.release):
            with pytest.raises(LeaseLost):
                write(claim)
        assert counts(store, claim) == before

    refused()
    successor = claimed(store, "successor")
    refused()
    store.claims.record(successor, Report(**vars(late) | {"next_state": State.SUCCEEDED}))
    refused()
    assert [row.step for row in store.metrics.list(claim.run_id)] == [10, 20]


@contextmanager
def commits(store: Store, *, lost: int, landing: bool) -> Iterator[list[int]]:
    """Lose the connection during the next `lost` commits of writes, which succeed nevertheless if `landing`."""
    dialect = store.database.engine.dialect
    commit, left = dialect.do_commit, [lost]

    def losing(connection: Any) -> None:
        if left[0] <= 0:
            commit(connection)
            return
        left[0] -= 1
        if landing:
            commit(connection)
        assert dialect.dbapi is not None
        raise dialect.dbapi.OperationalError("the connection was lost")

    dialect.do_commit = losing  # type: ignore[assignment, method-assign]
    try:
        yield left
    finally:
        dialect.do_commit = commit  # type: ignore[method-assign]


@pytest.mark.parametrize("landing", [True, False])
def test_a_report_is_written_once_though_the_commit_s_answer_was_lost(
    store: Store, claim: Claim, landing: bool
) -> None:
    with commits(store, lost=1, landing=landing) as left:
        store.claims.record(claim, Report(**vars(FULL) | {"next_state": State.SUCCEEDED}))
    assert left == [0]
    assert store.runs.get(claim.run_id).state is State.SUCCEEDED
    assert len(store.metrics.list(claim.run_id)) == 1
    expected = ["job_created", "run_started", "progress", "evaluation", "run_succeeded", "job_finished"]
    assert event_types(store, claim.job_id) == expected


def test_a_database_that_stays_away_is_given_up(store: Store, claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    retry_at_once(monkeypatch)
    with commits(store, lost=1000, landing=False) as left, pytest.raises(Unavailable):
        store.claims.record(claim, FULL)
    assert left[0] < 999, "it was tried again"
    assert store.metrics.list(claim.run_id) == []


def test_the_last_of_a_job_s_runs_reports_its_end_once(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job(8)
    claims = [claimed(store) for _ in range(8)]
    done = Report(step=1, epoch=1, next_state=State.SUCCEEDED)
    at_once([partial(store.claims.record, claim, done) for claim in claims])
    types = event_types(store, job.id)
    assert types.count("job_finished") == 1
    assert types[-1] == "job_finished"
