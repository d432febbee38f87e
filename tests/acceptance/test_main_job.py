"""A corpus and a spec over HTTP; a worker trains; results, checkpoints and generated text come back."""

import math
import signal
from typing import Any

import pytest
import torch

from client.api import Gatelab
from client.errors import ApiError
from client.models import Run
from gatelab.checkpoint import Checkpoint
from gatelab.specs import JobSpec, parse
from gatelab.sweeps import expand
from gatelab.text import Corpus
from gatelab.training import Evaluated, train
from tests.acceptance.conftest import on
from tests.acceptance.stack import Stack, end, wait_until

SPEC: dict[str, Any] = {
    "name": "acceptance",
    "corpus": "time-machine",
    "tokenizer": {"kind": "char", "normalize": "letters"},
    "model": {"cell": {"kind": "gru", "hidden": 16}, "init": {"normal": 0.01}},
    "training": {
        "num_steps": 16,
        "batch_size": 256,
        "windows": {"stride": 1, "train": 2000, "validation": 500},
        "optimizer": {"kind": "adam", "lr": 0.01},
        "epochs": 3,
        "sample": {"prefix": "it has", "characters": 20},
    },
    "grid": {"model.cell.gates": [["reset", "update"], []]},
}
LONG = SPEC | {
    "grid": {},
    # Much to read: it must last seconds on the fastest engine, to be interrupted in the middle.
    "training": SPEC["training"] | {"epochs": 160, "windows": {"stride": 1, "train": 10_000, "validation": 500}},
}
LONG_STEPS = 160 * 40


@on("sqlite-redis", "postgres-rabbitmq")
def test_the_main_job(stack: Stack, time_machine: str) -> None:
    with stack.client() as client:
        corpus = client.add_corpus("time-machine", time_machine)
        assert corpus.characters == len(time_machine)

        job = client.wait(client.submit(SPEC).id)
        assert job.state == "succeeded", stack.log()
        assert job.progress == 1
        assert job.runs.total == job.runs.succeeded == 2

        runs = list(client.runs(job=job.id))
        for run, expected in zip(runs, expand(parse(JobSpec, SPEC), max_runs=2), strict=True):
            assert run.spec == expected.model_dump(mode="json")
            check_results(client, run, time_machine)
        _check_events(client, job.id, runs)


@on("postgres-redis")
def test_a_job_survives_a_restart_of_service_and_worker(stack: Stack, time_machine: str) -> None:
    assert stack.service
    assert stack.worker
    with stack.client() as client:
        job, run = _begin_long_job(client, time_machine)
        assert end(stack.worker, signal.SIGTERM) == 0
        # uvicorn ends its work in order, then dies of the signal as it would have.
        assert end(stack.service, signal.SIGTERM) in (0, -signal.SIGTERM)
        stack.start_service()
        assert client.run(run).state == "queued"
        _finish_after_restart(stack, client, job, run, time_machine)


@on("postgres-rabbitmq")
def test_a_job_survives_kill_9_of_service_and_worker(stack: Stack, time_machine: str) -> None:
    assert stack.service
    assert stack.worker
    with stack.client() as client:
        job, run = _begin_long_job(client, time_machine)
        end(stack.worker, signal.SIGKILL)
        end(stack.service, signal.SIGKILL)
        stack.start_service()
        _finish_after_restart(stack, client, job, run, time_machine)


@on("postgres-redis")
def test_a_running_job_is_cancelled(stack: Stack, time_machine: str) -> None:
    with stack.client() as client:
        job, run = _begin_long_job(client, time_machine)
        client.cancel(job)
        assert client.wait(job).state == "cancelled"
        assert client.generate(run, "it has", max_tokens=5).tokens == 5


@on("postgres-redis")
def test_a_run_without_a_checkpoint_generates_nothing(stack: Stack, time_machine: str) -> None:
    assert stack.worker
    end(stack.worker, signal.SIGTERM)
    with stack.client() as client:
        client.add_corpus("time-machine", time_machine)
        [run] = client.runs(job=client.submit(LONG).id)
        with pytest.raises(ApiError, match="no checkpoint") as refused:
            client.generate(run.id, "it has")
        assert refused.value.status == 409


def _begin_long_job(client: Gatelab, text: str) -> tuple[str, str]:
    """A job whose only run has made some steps and has many more to make. The ids of both."""
    client.add_corpus("time-machine", text)
    job = client.submit(LONG).id
    [run] = client.runs(job=job)
    wait_until(lambda: client.run(run.id).step > 0, "the run has begun", 60)
    return job, run.id


def _finish_after_restart(stack: Stack, client: Gatelab, job: str, run: str, text: str) -> None:
    assert 0 < client.run(run).step < LONG_STEPS, "the end was to come in the middle"
    stack.start_worker()
    assert client.wait(job).state == "succeeded", stack.log()
    check_results(client, client.run(run), text)


def check_results(client: Gatelab, run: Run, text: str) -> None:
    """What the API says is what training the same spec here yields, to the bit."""
    [job_spec] = [client.job(run.job).spec]
    spec = expand(parse(JobSpec, job_spec), max_runs=2)[run.index]
    torch.set_num_threads(1)
    expected = [e for e in train(spec, Corpus("time-machine", text)) if isinstance(e, Evaluated)]
    metrics = list(client.metrics(run.id))
    assert [m.epoch for m in metrics] == list(range(1, spec.training.epochs + 1))
    assert [m.train_loss for m in metrics] == [e.train_loss for e in expected]
    assert [m.validation_loss for m in metrics] == [e.validation_loss for e in expected]
    assert [s.text for s in client.samples(run.id)] == [e.sample for e in expected]

    assert run.metrics.validation_perplexity == pytest.approx(math.exp(expected[-1].validation_loss))
    assert run.metrics.bits_per_character == expected[-1].bits_per_character
    assert run.sample == f"it has{expected[-1].sample}"
    assert run.step == run.total_steps == expected[-1].position.step

    last = list(client.checkpoints(run.id))[-1]
    assert last.step == run.step
    checkpoint = Checkpoint.from_bytes(client.download_checkpoint(run.id, last.step))
    for name, weights in expected[-1].checkpoint().weights.items():
        assert torch.equal(checkpoint.weights[name], weights), name

    assert spec.training.sample is not None
    how: dict[str, Any] = {"max_tokens": spec.training.sample.characters, "temperature": 0}
    generated = client.generate(run.id, "it has", **how)
    assert generated.text == expected[-1].sample
    assert (generated.tokens, generated.finish_reason) == (how["max_tokens"], "length")
    assert generated.checkpoint == run.step
    assert "".join(client.stream(run.id, "it has", **how)) == generated.text


def _check_events(client: Gatelab, job: str, runs: list[Run]) -> None:
    events = list(client.events(job))
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[0].type == "job_created"
    assert events[-1].type == "job_finished"
    for run in runs:
        own = [event for event in events if event.run == run.id]
        assert [e.data["epoch"] for e in own if e.type == "evaluation"] == [1, 2, 3]
        steps = [e.data["step"] for e in own if e.type == "progress"]
        assert steps == sorted(steps)
        assert own[-1].type == "run_succeeded"
    assert [event.id for event in client.events(job, after=5)] == [event.id for event in events[5:]]
