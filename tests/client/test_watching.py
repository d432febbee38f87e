"""`gatelab submit` and `gatelab watch`, and the commands that steer a job."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatelab.client.api import Gatelab
from gatelab.client.formatting import count
from tests.client.live import Live
from tests.client.trained import Trained
from tests.service.installation import SPEC
from tests.service.sse import ServerSent, events


@pytest.fixture
def spec(tmp_path: Path) -> str:
    """The file of a spec that trains within a moment."""
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump(SPEC))
    return str(file)


def only_job(live: Live) -> Any:
    """The service's own answer."""
    [job] = live.raw("/v1/jobs")["data"]
    return job


# -- Submitting -------------------------------------------------------------------------------------------------------


def test_a_spec_is_submitted_with_changes(fresh: Live, spec: str) -> None:
    result = fresh.command("submit", spec, "--set", "training.epochs=5", "--set", "grid.model.cell.hidden=[8, 16]")
    job = only_job(fresh)
    assert result.stdout == f"job {job['id']}: 2 runs queued\n"
    changed = {"training": {**SPEC["training"], "epochs": 5}, "grid": {"model.cell.hidden": [8, 16]}}
    assert fresh.wire.asked[0].body == SPEC | changed
    assert job["spec"]["training"]["epochs"] == 5
    assert [run["spec"]["model"]["cell"]["hidden"] for run in fresh.service.runs(job["id"])] == [8, 16]


def test_runs_that_are_no_news_are_pointed_out(fresh: Live, spec: str) -> None:
    twice = ("submit", spec, "--set", "grid.training.seed=[0, 1]", "--set", "repeats=2")
    asked = fresh.command(*twice)
    job = only_job(fresh)
    assert asked.stdout == f"job {job['id']}: 3 runs queued\n"
    assert asked.stderr == "Left out of the grid because they repeat earlier runs: 1\n"
    fresh.service.work()
    note = f"Job {job['id']} has already trained exactly these runs; see gatelab report {job['id']}\n"
    assert fresh.command(*twice, "--dry-run").stderr.endswith(note)
    assert fresh.command(*twice).stderr.endswith(note)


def test_a_spec_with_faults_is_not_sent(fresh: Live, spec: str) -> None:
    result = fresh.command("submit", spec, "--set", "training.epochs=0", "--set", "training.lr=1")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"{spec}: training.epochs: input should be greater than or equal to 1 (got 0)",
        f"{spec}: training.lr: unknown field; did you mean 'training.optimizer.lr'?",
    ]
    assert fresh.wire.asked == []


def test_every_problem_of_a_refusal_is_a_line(fresh: Live, spec: str) -> None:
    limits = fresh.service.settings.limits
    result = fresh.command(
        "submit", spec, "--set", f"training.epochs={limits.epochs + 1}", "--set", f"model.layers={limits.layers + 1}"
    )
    assert result.exit_code == 1
    [asked] = fresh.wire.asked
    problems = fresh.service.client.post("/v1/jobs", json=asked.body).json()["problems"]
    assert {problem["path"] for problem in problems} == {"training.epochs", "model.layers"}
    assert result.stderr.splitlines() == [f"{problem['path']}: {problem['message']}" for problem in problems]


# -- Steering ---------------------------------------------------------------------------------------------------------


def test_a_job_is_steered_and_deleted(fresh: Live) -> None:
    job = fresh.service.submit()["id"]
    assert fresh.command("pause", job).stdout == f"job {job}: paused, 0/1 runs done\n"
    assert fresh.command("resume", job).stdout == f"job {job}: queued, 0/1 runs done\n"
    assert fresh.command("cancel", job).stdout == f"job {job}: cancelled, 1/1 runs done\n"
    assert only_job(fresh)["state"] == "cancelled"
    assert fresh.command("delete", job).stdout == f"job {job}: deleted\n"
    assert fresh.raw("/v1/jobs")["data"] == []


# -- Watching ---------------------------------------------------------------------------------------------------------


def name_of(run: Any) -> str:
    """How lines call a run of SPEC."""
    return f"{run['id']} (gru 6 seed 0)"


def lines_of(run: Any, stream: list[ServerSent]) -> Iterator[str]:
    """The lines that `watch` prints about a successful run, from its events. LEFT stands for the remaining time."""
    speed: float | None = None
    for event in stream:
        data = event.data
        match event.name:
            case "run_started":
                yield "started"
            case "progress":
                speed = data["tokens_per_second"]
            case "evaluation":
                speed = data.get("tokens_per_second", speed)
                perplexity = f"{data['validation_perplexity']:.2f} (train {data['train_perplexity']:.2f})"
                quality = f"perplexity {perplexity}, {data['bits_per_character']:.3f} bits/char"
                place = f"epoch {data['epoch']}, step {data['step']}/{run['total_steps']}"
                yield f"{place}, {quality}, {count(speed)} tokens/s, LEFT left"
            case "sample":
                yield repr(data["text"])
            case "run_succeeded":
                yield "succeeded"


def test_watching_tells_what_happens(fresh: Live, spec: str) -> None:
    watched = threading.Event()

    def note(part: bytes) -> bytes:
        if b"event: job_created\n" in part:
            watched.set()
        return part

    fresh.wire.change = note
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(fresh.command, "submit", spec, "--watch")
        assert watched.wait(60)
        fresh.service.work()
        result = watching.result(60)
    assert result.exit_code == 0, result.output
    job = only_job(fresh)["id"]
    [run] = fresh.service.runs(job)
    stream = events(fresh.service.client.get(f"/v1/jobs/{job}/events").text)
    lines = [re.sub(r", \S+( s)? left$", ", LEFT left", line) for line in result.stdout.splitlines()]
    of_run = [line.removeprefix(f"{name_of(run)}: ") for line in lines if line.startswith(name_of(run))]
    assert of_run == list(lines_of(run, stream))
    assert lines[0] == f"job {job}: 1 run queued"
    assert f"job {job}: succeeded, 1/1 runs done" in lines
    assert lines[-1].split()[:4] == [run["id"], "gru", "6", "succeeded"]


def test_watching_a_job_that_failed_ends_with_1(trained: Trained) -> None:
    result = trained.command("watch", trained.jobs["mixed"])
    good, bad = trained.runs("mixed")
    assert result.exit_code == 1
    assert f"{name_of(bad)}: failed, diverged: {bad['error']['message']}\n" in result.stdout
    assert f"{name_of(good)}: succeeded\n" in result.stdout
    assert f"job {trained.jobs['mixed']}: failed, 2/2 runs done, 1 failed\n" in result.stdout


def test_watching_a_job_that_was_cancelled_ends_with_1(trained: Trained) -> None:
    result = trained.command("watch", trained.jobs["stopped"])
    assert result.exit_code == 1
    assert f"{name_of(trained.run('stopped'))}: cancelled\n" in result.stdout


def test_text_of_a_model_does_not_steer_the_terminal(trained: Trained) -> None:
    trained.wire.change = lambda part: part.replace(b'"text": "', b'"text": "\\u001b[31m')
    result = trained.command("watch", trained.jobs["done"])
    assert result.exit_code == 0
    assert r": '\x1b[31m" in result.stdout
    assert "\x1b" not in result.stdout


def test_events_from_the_future_are_passed_over(trained: Trained) -> None:
    whole = trained.command("watch", trained.jobs["done"]).stdout
    started = f"{name_of(trained.run('done'))}: started\n"
    assert started in whole
    trained.wire.change = lambda part: part.replace(b"event: run_started\n", b"event: from_the_future\n")
    assert trained.command("watch", trained.jobs["done"]).stdout == whole.replace(started, "")


def test_ctrl_c_leaves_the_job_alone(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Gatelab, "events", interrupted)
    job = trained.jobs["waiting"]
    result = trained.command("watch", job)
    assert result.exit_code == 130
    assert f"job {job} continues" in result.stderr
    assert {asked.method for asked in trained.wire.asked} == {"GET"}
    assert trained.job("waiting")["state"] == "queued"
