"""Models with all options around their cells, from a job over HTTP to the use of the run."""

from pathlib import Path
from typing import Any

import pytest

from tests.service.installation import SPEC, Installation, installation, problem

ALL: dict[str, Any] = {
    **{"cell": {"kind": "lstm", "hidden": 8}, "layers": 3, "input": {"embedding": 8}, "tied": True},
    **{"norm": "layer", "connections": "highway", "initial_state": "learned"},
    "dropout": {"layers": 0.2, "input": 0.1, "recurrent": 0.1, "zoneout": 0.1, "variational": True},
}


@pytest.mark.parametrize(
    ("model", "engine"),
    [(ALL, "torch"), ({"sizes": [9, 5], "norm": "layer"}, "torch"), ({**ALL, "connections": "residual"}, "torch")],
    ids=["highway", "sizes", "residual"],
)
def test_a_run_is_trained_and_used(model: dict[str, Any], engine: str, service: Installation) -> None:
    service.add_corpus()
    job = service.submit(SPEC | {"model": model})
    service.work()
    [run] = service.runs(job["id"])
    assert (run["state"], run["engine"]) == ("succeeded", engine)
    path = f"/v1/runs/{run['id']}"
    written = service.client.post(f"{path}/generate", json={"prompt": "the", "max_tokens": 9, "state": True})
    assert written.status_code == 200, written.text
    on = service.client.post(f"{path}/generate", json={"state": written.json()["state"], "max_tokens": 3})
    assert on.status_code == 200, on.text
    scored = service.client.post(f"{path}/score", json={"texts": ["the time"]})
    assert scored.status_code == 200, scored.text
    asked = {"text": "the", "units": [0, 4], "influence": {"output": 2}}
    seen = service.client.post(f"{path}/gates", json=asked).json()
    assert len(seen["layers"]) == (2 if "sizes" in model else 3)
    assert all(each["norm"] > 0 for each in seen["influence"]["inputs"])
    assert "norms" in service.client.get(f"{path}/export?format=numpy").text


def test_units_are_counted_in_the_layers_that_are_shown(service: Installation) -> None:
    service.add_corpus()
    job = service.submit(SPEC | {"model": {"sizes": [9, 5]}})
    service.work()
    [run] = service.runs(job["id"])
    path = f"/v1/runs/{run['id']}/gates"
    assert service.client.post(path, json={"text": "the", "units": [8], "layers": [0]}).status_code == 200
    told = problem(service.client.post(path, json={"text": "the", "units": [8]}), 422, "invalid-request")
    assert told["problems"][0]["message"] == "must be from 0 to 4 (got 8)"
    held = {"text": "the", "clamp": [{"gate": "update", "value": 1, "units": [8]}]}
    assert (
        problem(service.client.post(path, json=held), 422, "invalid-request")["problems"][0]["path"]
        == "clamp.0.units.0"
    )
    held["clamp"][0]["layer"] = 0  # type: ignore[index]
    assert service.client.post(path, json=held).status_code == 200


def test_a_plan_says_which_engine_trains(service: Installation) -> None:
    service.add_corpus()
    told = service.client.post("/v1/jobs?dry_run=true", json=SPEC | {"model": ALL}).json()["engine"]
    assert told.startswith("PyTorch trains runs with connections: highway, norm: layer,")
    assert service.client.post("/v1/jobs?dry_run=true", json=SPEC).json()["engine"] is None


def test_an_engine_that_is_named_refuses_what_it_cannot_train(tmp_path: Path) -> None:
    with installation(tmp_path, engine="native") as service:
        service.add_corpus()
        grid = SPEC | {"grid": {"model.norm": ["none", "layer"]}}
        for path in ("/v1/jobs", "/v1/jobs?dry_run=true"):
            [fault] = problem(service.client.post(path, json=grid), 422, "invalid-spec")["problems"]
            assert fault["path"] == "grid.model.norm"
            assert "the native engine, which GATELAB_ENGINE names, has no code for it" in fault["message"]
        assert service.client.post("/v1/jobs", json=SPEC).status_code == 202


def test_each_kind_of_model_is_predicted_from_runs_of_its_kind(service: Installation) -> None:
    """A slow PyTorch run does not change the prediction for a run of the native engine."""
    service.add_corpus()
    other = SPEC | {"model": SPEC["model"] | {"norm": "layer"}}
    known = {}
    for name, spec in (("plain", SPEC), ("norm", other)):
        job = service.submit(spec)
        service.work()
        [run] = service.runs(job["id"])
        known[name] = run["metrics"]["seconds"]

    def predicted(spec: dict[str, Any]) -> Any:
        return service.client.post("/v1/jobs?dry_run=true", json=spec).json()["seconds"]

    assert predicted(SPEC)["total"] == pytest.approx(known["plain"])
    assert predicted(other)["total"] == pytest.approx(known["norm"])
    both = predicted(SPEC | {"grid": {"model.norm": ["none", "layer"]}})
    assert both["total"] == pytest.approx(known["plain"] + known["norm"])
    assert both["calibrated_from"] == 2
