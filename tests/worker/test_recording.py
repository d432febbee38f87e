"""The rows that recording a run writes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.store import Claim, State, Store
from gatelab.text import Corpus
from gatelab.training import Evaluated, Event, Started, Stepped, train
from gatelab.wire.evaluations import Summary
from gatelab.wire.runs import RunError
from tests.events import events_of
from tests.store.conftest import claimed
from tests.worker.conftest import TEXT, queue
from worker.recording import Recorder


@pytest.fixture
def claim(store: Store) -> Claim:
    queue(store)
    return claimed(store)


@pytest.fixture
def recorder(store: Store, claim: Claim) -> Recorder:
    return Recorder(store, claim, "a device")


@pytest.fixture
def events(claim: Claim) -> Iterator[Event]:
    return train(claim.spec, Corpus("wells", TEXT))


def upto(events: Iterator[Event], kind: type[Event], recorder: Recorder) -> Any:
    """Pass the recorder all events up to the next one of this kind, which is returned."""
    for event in events:
        recorder.add(event)
        if isinstance(event, kind):
            return event
    raise AssertionError(f"training yields no {kind.__name__}")


def test_nothing_is_written_before_it_is_recorded(
    store: Store, claim: Claim, recorder: Recorder, events: Iterator[Event]
) -> None:
    upto(events, Evaluated, recorder)
    assert (store.metrics.list(claim.run_id), store.samples.list(claim.run_id)) == ([], [])
    recorder.record(None)
    assert len(store.metrics.list(claim.run_id)) == len(store.samples.list(claim.run_id)) == 1
    recorder.record(None)
    assert len(store.metrics.list(claim.run_id)) == 1, "each is written once"


def test_a_record_says_how_far_the_run_is(
    store: Store, claim: Claim, recorder: Recorder, events: Iterator[Event]
) -> None:
    started = upto(events, Started, recorder)
    stepped = upto(events, Stepped, recorder)
    recorder.record(None)
    run = store.runs.get(claim.run_id)
    assert (run.state, run.step, run.epoch, run.device) == (State.RUNNING, 1, 0, "a device")
    assert (run.parameters, run.total_steps, run.engine) == (started.parameters, started.total_steps, started.engine)
    progress = events_of(store, claim.job_id)[-1]
    assert progress.type == "progress"
    assert progress.data == {
        "step": 1,
        "epoch": 0,
        "total_steps": started.total_steps,
        "train_loss": stepped.loss,
        "learning_rate": stepped.learning_rate,
        "tokens_per_second": stepped.position.tokens / stepped.position.training_seconds,
    }
    assert Checkpoint.from_bytes(store.checkpoints.get(claim.run_id).data).position == stepped.position


def test_a_perplexity_beyond_all_numbers_is_null(
    store: Store, claim: Claim, recorder: Recorder, events: Iterator[Event]
) -> None:
    evaluated = upto(events, Evaluated, recorder)
    recorder.add(replace(evaluated, position=replace(evaluated.position, step=99), train_loss=1e6))
    recorder.record(None)
    summary = store.runs.get(claim.run_id).metrics
    assert summary is not None
    assert (summary.train_perplexity, summary.train_loss) == (None, 1e6)
    assert summary.validation_perplexity is not None
    assert store.metrics.list(claim.run_id)[-1].train_loss == 1e6


def test_the_next_slice_keeps_the_last_evaluation(
    store: Store, claim: Claim, recorder: Recorder, events: Iterator[Event]
) -> None:
    upto(events, Evaluated, recorder)
    recorder.record(State.QUEUED)
    before = store.runs.get(claim.run_id).metrics
    assert before is not None
    after = Recorder(store, claimed(store), "another device")
    upto(events, Stepped, after)
    after.record(None)
    now = store.runs.get(claim.run_id).metrics
    assert now is not None
    assert before.seconds is not None
    assert now.seconds is not None
    assert now.seconds > before.seconds
    timed = {"seconds": None, "tokens_per_second": None}
    assert now.model_copy(update=timed) == before.model_copy(update=timed)


def test_a_failure_before_the_start_is_recorded(store: Store, claim: Claim, recorder: Recorder) -> None:
    recorder.fail(error := RunError(type="invalid-spec", message="too short"))
    run = store.runs.get(claim.run_id)
    assert (run.state, run.step, run.metrics) == (State.FAILED, 0, Summary())
    assert run.error == error


def test_a_failure_keeps_what_was_measured_and_the_best_checkpoint(
    store: Store, claim: Claim, recorder: Recorder, events: Iterator[Event]
) -> None:
    evaluated = upto(events, Evaluated, recorder)
    recorder.fail(RunError(type="diverged", message="the loss is nan", step=9, epoch=1))
    run = store.runs.get(claim.run_id)
    assert (run.state, run.step, run.epoch) == (State.FAILED, evaluated.position.step, 1)
    assert [row.train_loss for row in store.metrics.list(claim.run_id)] == [evaluated.train_loss]
    assert [kept.step for kept in store.checkpoints.list(claim.run_id)] == [evaluated.position.step], "the best"
