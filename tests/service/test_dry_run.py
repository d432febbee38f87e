"""POST /v1/jobs?dry_run=true: what a job would cost, and nothing else."""

from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from gatelab.specs import Limits
from gatelab.store.corpora import Corpora
from tests.service.installation import LIMITS, SPEC, Installation, installation, problem

GRID = SPEC | {"grid": {"model.cell.hidden": [4, 8], "training.optimizer.lr": [0.1, 0.2]}, "repeats": 2}


def plan(service: Installation, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    before = service.rows()
    answer = service.client.post("/v1/jobs?dry_run=true", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert "location" not in answer.headers
    assert service.rows() == before, "nothing is queued"
    return answer.json()


def test_it_counts_runs_parameters_and_memory(service: Installation) -> None:
    service.add_corpus()
    found = plan(service, GRID)
    assert found["runs"] == 8
    job = service.submit(SPEC | {"grid": {"model.cell.hidden": [4, 8]}})
    service.work()
    small, large = (run["parameters"] for run in service.runs(job["id"]))
    assert found["parameters"] == {"smallest": small, "largest": large}
    assert found["memory"]["bytes"] > 4 * large
    assert "activations of one batch" in found["memory"]["covers"]


def test_a_text_is_read_for_the_first_plan_alone(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    service.add_corpus()
    first = plan(service, GRID)
    monkeypatch.setattr(Corpora, "named_text", mock.Mock(side_effect=AssertionError("it is known already")))
    assert plan(service, GRID) == first


def test_a_run_that_needs_more_memory_than_there_is_is_refused(tmp_path: Path) -> None:
    with installation(tmp_path, limits=LIMITS.model_copy(update={"run_memory_bytes": 10**6})) as service:
        service.add_corpus()
        assert plan(service, SPEC)["memory"]["bytes"] <= 10**6
        large = SPEC | {"model": {"cell": {"kind": "gru", "hidden": 200}}}
        for path in ("/v1/jobs", "/v1/jobs?dry_run=true"):
            told = problem(service.client.post(path, json=large), 413, "too-large")["detail"]
            assert "the limit run_memory_bytes" in told
        assert service.get("/v1/jobs")["data"] == []


def test_a_step_that_would_take_minutes_is_refused(tmp_path: Path) -> None:
    """Runs of other accounts wait at least for the duration of a step."""
    with installation(tmp_path, limits=LIMITS.model_copy(update={"step_flops": 10**7})) as service:
        service.add_corpus()
        plan(service, SPEC)
        large = SPEC | {"grid": {"training.batch_size": [1, 16], "model.cell.hidden": [6, 64]}}
        [fault] = problem(service.client.post("/v1/jobs", json=large), 422, "invalid-spec")["problems"]
        assert fault["path"].startswith("grid.training.batch_size")
        assert "the limit step_flops is 1e+07" in fault["message"]


def test_nothing_is_predicted_before_anything_has_run(service: Installation) -> None:
    service.add_corpus()
    seconds = plan(service, SPEC)["seconds"]
    assert (seconds["total"], seconds["longest_run"], seconds["calibrated_from"]) == (None, None, 0)
    assert "no run has succeeded" in seconds["reason"]


def test_seconds_are_predicted_from_past_runs(service: Installation) -> None:
    service.add_corpus()
    job = service.submit(SPEC)
    service.work()
    [run] = service.runs(job["id"])
    seconds = plan(service, SPEC)["seconds"]
    assert (seconds["device"], seconds["calibrated_from"], seconds["reason"]) == ("cpu", 1, None)
    assert seconds["total"] == seconds["longest_run"] == pytest.approx(run["metrics"]["seconds"])
    assert plan(service, SPEC | {"repeats": 3})["seconds"]["total"] == pytest.approx(3 * seconds["total"])


def test_it_has_no_use_for_a_key(service: Installation) -> None:
    service.add_corpus()
    key = {"Idempotency-Key": "mine"}
    plan(service, SPEC, key)
    assert plan(service, GRID, key)["runs"] == 8
    assert service.client.post("/v1/jobs", json=SPEC, headers=key).status_code == 202


def test_a_job_that_would_be_refused_is_refused(service: Installation) -> None:
    service.add_corpus()
    bad = SPEC | {"grid": {"model.cell.hidden": [4, 0], "training.optimizer.lr": [-1]}}
    for path in ("/v1/jobs?dry_run=true", "/v1/jobs"):
        found = problem(service.client.post(path, json=bad), 422, "invalid-spec")
        assert {fault["path"] for fault in found["problems"]} == {
            "grid.model.cell.hidden",
            "grid.training.optimizer.lr",
        }
    problem(service.client.post("/v1/jobs?dry_run=maybe", json=SPEC), 422, "invalid-request")


def test_a_grid_of_a_hundred_points_is_accepted(tmp_path: Any) -> None:
    sizes = [2, 3, 4, 5, 6]
    grid = {"training.num_steps": sizes, "model.cell.hidden": sizes, "training.optimizer.lr": [0.1, 0.2, 0.3, 0.4]}
    with installation(tmp_path, limits=Limits()) as service:
        service.add_corpus()
        assert plan(service, SPEC | {"grid": grid})["runs"] == 100
        job = service.submit(SPEC | {"grid": grid})
        assert job["runs"]["queued"] == 100
        specs = [run["spec"] for run in service.runs(job["id"])]
        found = [
            (s["training"]["num_steps"], s["model"]["cell"]["hidden"], s["training"]["optimizer"]["lr"]) for s in specs
        ]
        assert found == [(n, h, lr) for n in sizes for h in sizes for lr in (0.1, 0.2, 0.3, 0.4)]
