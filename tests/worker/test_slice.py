"""A worker stores the same results of a run as training it directly yields."""

import math
from typing import Any

import pytest
import torch

from gatelab.checkpoint import Checkpoint
from gatelab.model import model_of
from gatelab.settings import Settings
from gatelab.store import Report, State, Store
from gatelab.text.tokenizers import SPECIALS
from gatelab.training import Pack
from gatelab.training.pack import News
from gatelab.wire.evaluations import Sample
from gatelab.wire.runs import RunError
from tests.conftest import NO_GPU
from tests.store.conftest import claimed, event_types
from tests.worker.conftest import (
    SPEC,
    STEPS,
    TEXT,
    assert_as_trained_in_one_go,
    both_databases,
    evaluations,
    only_run,
    queue,
    train_all,
    train_slice,
    worker_settings,
)
from worker import preparation
from worker import slice as slices

ONE_STEP = {"slice_seconds": 1e-9, "checkpoint_seconds": 1e-9}
"""Every slice ends as soon as possible."""

CARRIED = SPEC | {
    "tokenizer": {"kind": "byte"},
    "model": {"cell": {"kind": "lstm", "hidden": 4}, "layers": 2, "dropout": 0.3, "input": {"embedding": 4}},
    "training": SPEC["training"] | {"carry_state": True, "batch_size": 8},
}
MOMENTUM = SPEC | {
    "model": {"cell": {"kind": "rnn", "hidden": 5}},
    "training": SPEC["training"] | {"optimizer": {"kind": "sgd", "lr": 0.5, "momentum": 0.9}},
}


@both_databases
def test_a_run_is_stored_as_training_reports_it(store: Store, settings: Settings) -> None:
    job = queue(store)
    assert train_all(store, settings) == 1
    assert_as_trained_in_one_go(store, run_id := only_run(store))
    run, last = store.runs.get(run_id), evaluations(store.runs.get(run_id).spec)[-1]
    assert last.test_loss is not None
    assert (run.step, run.total_steps, run.epoch, run.device) == (STEPS, STEPS, 3, "cpu")
    assert run.parameters == model_of(last.checkpoint()).parameter_count()
    assert run.metrics is not None
    few = "has only {} tokens, so its loss and perplexity depend largely on chance.".format
    assert {name: value for name, value in run.metrics.stored().items() if "second" not in name} == {
        "train_loss": last.train_loss,
        "validation_loss": last.validation_loss,
        "bits_per_character": last.bits_per_character,
        "test_loss": last.test_loss,
        "test_bits_per_character": last.test_bits_per_character,
        "learning_rate": last.learning_rate,
        "ended_by": "epochs",
        "vocabulary": SPECIALS + len(set(TEXT)),
        "validation_tokens": len(TEXT) * 9 // 10 - len(TEXT) * 8 // 10,
        "test_tokens": len(TEXT) - len(TEXT) * 9 // 10,
        "warnings": [f"The validation part {few(38)}", f"The test part {few(38)}"],
    }
    assert run.sample == Sample(step=STEPS, epoch=3, prefix="the ", text=last.sample or "")
    evaluated = ["evaluation", "sample"] * 3
    assert event_types(store, job) == [
        *("job_created", "run_started", *evaluated, "progress", "run_succeeded", "job_finished")
    ]


@both_databases
@pytest.mark.parametrize("spec", [SPEC, CARRIED, MOMENTUM], ids=["gru", "carried-lstm", "momentum"])
def test_slices_of_one_step_change_nothing(
    spec: dict[str, Any], store: Store, database_url: str, settings: Settings
) -> None:
    queue(store, spec)
    done = train_all(store, worker_settings(database_url, settings.data_dir, **ONE_STEP))
    run = store.runs.get(only_run(store))
    assert run.total_steps is not None
    assert done == run.attempt == run.total_steps + 3, "one for each step, and for each evaluation"
    assert_as_trained_in_one_go(store, run.id)


def test_a_run_that_learned_nothing_succeeds_with_a_warning(store: Store, settings: Settings) -> None:
    queue(store, optimizer={"kind": "sgd", "lr": 1000}, clip_norm=None, epochs=1)
    train_all(store, settings)
    run = store.runs.get(only_run(store))
    assert run.state == State.SUCCEEDED
    assert run.metrics is not None
    loss, vocabulary = store.metrics.list(run.id)[-1].validation_loss, SPECIALS + len(set(TEXT))
    words = f"The validation loss, {loss:.2f} nats, is above that of a uniform guess over {vocabulary} tokens"
    start = f"{words} ({math.log(vocabulary):.2f}): "
    assert [warning for warning in run.metrics.warnings or () if warning.startswith(start)]


def test_a_slice_makes_a_step_however_short_it_is(store: Store, database_url: str, settings: Settings) -> None:
    queue(store)
    train_slice(store, worker_settings(database_url, settings.data_dir, **ONE_STEP))
    run = store.runs.get(only_run(store))
    assert (run.state, run.step) == (State.QUEUED, 1)


def test_slices_take_turns(store: Store, database_url: str, settings: Settings) -> None:
    queue(store, SPEC | {"repeats": 3})
    short = worker_settings(database_url, settings.data_dir, max_pack=1, **ONE_STEP)
    turns = [train_slice(store, short).run_id for _ in range(9)]
    assert turns == [run.id for run in store.runs.list().items] * 3


@pytest.mark.parametrize("keep", [1, 2])
def test_the_latest_checkpoints_are_kept(keep: int, store: Store, database_url: str, settings: Settings) -> None:
    queue(store, keep_checkpoints=keep)
    train_all(store, worker_settings(database_url, settings.data_dir, **ONE_STEP))
    steps = [checkpoint.step for checkpoint in store.checkpoints.list(only_run(store))]
    assert steps == list(range(STEPS - keep + 1, STEPS + 1))


@both_databases
def test_a_run_that_diverges_has_failed_and_keeps_what_it_measured(store: Store, settings: Settings) -> None:
    # Every step multiplies the weights by 1 - lr * weight_decay = -9, until they overflow.
    queue(store, optimizer={"kind": "sgd", "lr": 10, "weight_decay": 1}, epochs=50)
    train_all(store, settings)
    run = store.runs.get(only_run(store))
    assert run.error is not None
    assert (run.state, run.error.type) == (State.FAILED, "diverged")
    assert "step" in run.error.message
    assert 0 < run.step < (run.total_steps or 0)
    assert len(store.metrics.list(run.id)) == run.epoch > 0
    assert event_types(store, run.job_id)[-2:] == ["run_failed", "job_finished"]


def test_a_corpus_that_is_too_short_fails_the_run(store: Store, settings: Settings) -> None:
    queue(store, num_steps=1000)
    train_all(store, settings)
    run = store.runs.get(only_run(store))
    assert run.error is not None
    assert (run.state, run.step, run.error.type) == (State.FAILED, 0, "invalid-spec")
    assert "training.num_steps: the corpus is too short" in run.error.message


def test_a_run_that_needs_more_memory_than_there_is_fails_and_says_so(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "memory_bytes", lambda: 2**10)
    queue(store)
    train_all(store, settings)
    run = store.runs.get(only_run(store))
    assert run.error is not None
    assert (run.state, run.step, run.error.type) == (State.FAILED, 0, "too-large")
    assert "GiB of memory, and this worker's machine has" in run.error.message


def test_any_fault_fails_the_run_and_keeps_what_it_measured(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BreaksInTheThirdEpoch(Pack):
        def round(self) -> News:
            if any(trainer.position.epoch == 2 for trainer in self.members.values()):
                raise ZeroDivisionError("of what?")
            return super().round()

    monkeypatch.setattr(slices, "Pack", BreaksInTheThirdEpoch)
    queue(store)
    train_all(store, settings)
    run = store.runs.get(only_run(store))
    assert run.state == State.FAILED
    assert run.error == RunError(type="error", message="ZeroDivisionError: of what?")
    assert [row.epoch for row in store.metrics.list(run.id)] == [1, 2]
    assert [row.epoch for row in store.samples.list(run.id)] == [1, 2]


def test_a_checkpoint_that_is_none_fails_the_run(store: Store, settings: Settings) -> None:
    queue(store)
    bad = Report(step=3, epoch=0, checkpoint=b"not a checkpoint", next_state=State.QUEUED)
    store.claims.record(claimed(store), bad)
    train_all(store, settings)
    run = store.runs.get(only_run(store))
    assert run.error is not None
    assert (run.state, run.error.type) == (State.FAILED, "corrupt-checkpoint")


def test_a_fault_of_one_run_is_none_of_the_next(store: Store, settings: Settings) -> None:
    queue(store, SPEC | {"grid": {"training.num_steps": [1000, 8]}})
    train_all(store, settings)
    assert [run.state for run in store.runs.list().items] == [State.FAILED, State.SUCCEEDED]


def test_a_checkpoint_says_what_it_belongs_to(store: Store, settings: Settings) -> None:
    queue(store)
    train_all(store, settings)
    run = store.runs.get(only_run(store))
    checkpoint = Checkpoint.from_bytes(store.checkpoints.get(run.id).data)
    assert (checkpoint.spec, checkpoint.position.step) == (run.spec, run.step)


@pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)
def test_a_run_trains_on_the_gpu_and_says_so(store: Store, database_url: str, settings: Settings) -> None:
    queue(store)
    train_all(store, worker_settings(database_url, settings.data_dir, device="auto"))
    run = store.runs.get(only_run(store))
    assert run.state == State.SUCCEEDED
    assert (run.device or "").startswith("cuda (")
