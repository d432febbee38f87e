"""A corpus and a spec over HTTP; a worker trains; results, checkpoints and generated text come back."""

import signal

import pytest

from gatelab.client.api import Gatelab
from gatelab.client.models import Run
from gatelab.specs import JobSpec, parse
from gatelab.sweeps import expand
from tests.acceptance.jobs import DAWDLING, SPEC, begin, check_it_was_interrupted, check_results
from tests.acceptance.stack import Stack, end


@pytest.mark.parametrize("stack", ["postgres-rabbitmq"], indirect=True)
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


@pytest.mark.long  # what it guards beside the test below is the order in which a stop ends things
@pytest.mark.parametrize("stack", ["sqlite-redis"], indirect=True)
def test_a_job_survives_a_restart_of_service_and_worker(stack: Stack, time_machine: str) -> None:
    with stack.client() as client:
        job, run = _begin_on_a_slow_worker(stack, client, time_machine)
        assert stack.worker
        assert end(stack.worker, signal.SIGTERM) == 0
        # uvicorn ends its work in order, then dies of the signal as it would have.
        assert stack.service
        assert end(stack.service, signal.SIGTERM) in (0, -signal.SIGTERM)
        stack.start_service()
        assert client.run(run).state == "queued"
        _finish(stack, client, job, run, time_machine)
        _check_events(client, job, list(client.runs(job=job)))


@pytest.mark.parametrize("stack", ["postgres-rabbitmq"], indirect=True)
def test_a_job_survives_kill_9_of_service_and_worker(stack: Stack, time_machine: str) -> None:
    with stack.client() as client:
        job, run = _begin_on_a_slow_worker(stack, client, time_machine)
        assert stack.worker
        assert stack.service
        end(stack.worker, signal.SIGKILL)
        end(stack.service, signal.SIGKILL)
        stack.start_service()
        _finish(stack, client, job, run, time_machine)


def _begin_on_a_slow_worker(stack: Stack, client: Gatelab, text: str) -> tuple[str, str]:
    assert stack.worker
    end(stack.worker, signal.SIGKILL)  # it is idle, or not even up, when it would not end in order
    stack.start_worker(**DAWDLING)
    return begin(client, text)


def _finish(stack: Stack, client: Gatelab, job: str, run: str, text: str) -> None:
    check_it_was_interrupted(client, run)
    stack.start_worker()
    assert client.wait(job).state == "succeeded", stack.log()
    check_results(client, client.run(run), text)


def _check_events(client: Gatelab, job: str, runs: list[Run]) -> None:
    events = list(client.events(job))
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[0].type == "job_created"
    assert events[-1].type == "job_finished"
    for run in runs:
        own = [event for event in events if event.run == run.id]
        epochs = run.spec["training"]["epochs"]
        assert [e.data["epoch"] for e in own if e.type == "evaluation"] == list(range(1, epochs + 1))
        steps = [e.data["step"] for e in own if e.type == "progress"]
        assert steps == sorted(steps)
        assert own[-1].type == "run_succeeded"
    assert [event.id for event in client.events(job, after=5)] == [event.id for event in events[5:]]
