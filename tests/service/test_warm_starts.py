"""Jobs that start from a run, over HTTP: ownership, the kept checkpoint, and the tree."""

from typing import Any

import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.store.tables import origins
from tests.service.installation import SPEC, TEXT, Installation, problem, spec


@pytest.fixture
def source(service: Installation) -> Any:
    """A run of three epochs."""
    service.add_corpus()
    job = service.submit(spec(keep_checkpoints=100))
    service.work()
    return service.runs(job["id"])[0]


def fork(service: Installation, run: str, checkpoint: object = "latest", what: str = "everything", **more: Any) -> Any:
    body = spec(epochs=5, **more) | {"name": "fork", "start": {"run": run, "checkpoint": checkpoint, "what": what}}
    job = service.submit(body)
    return service.runs(job["id"])[0]


def test_a_fork_goes_on_though_its_source_is_deleted(service: Installation, source: Any) -> None:
    begun = fork(service, source["id"])
    assert (begun["parent"], begun["parent_step"]) == (source["id"], source["step"])
    assert begun["spec"]["start"]["checkpoint"] == source["step"]
    assert service.client.delete(f"/v1/jobs/{source['job']}").status_code == 204
    service.work()
    done = service.get(f"/v1/runs/{begun['id']}")
    assert (done["state"], done["epoch"], done["metrics"]["ended_by"]) == ("succeeded", 5, "epochs")
    # The result equals that of a run with five epochs.
    whole = service.submit(spec(epochs=5))
    service.work()
    assert done["weights_sha256"] == service.runs(whole["id"])[0]["weights_sha256"]
    assert service.client.delete(f"/v1/jobs/{done['job']}").status_code == 204
    assert service.rows()[origins.name] == 0


def test_the_tree_tells_who_began_where(service: Installation, source: Any) -> None:
    child = fork(service, source["id"], source["step"], optimizer={"kind": "adam", "lr": 0.01})
    service.work()
    grandchild = fork(service, child["id"], "latest", "weights")
    other = fork(service, source["id"], "best")
    service.work()
    for run in (source, child, grandchild, other):
        nodes = service.get(f"/v1/runs/{run['id']}/tree")["data"]
        assert [(node["run"], node["depth"], node["parent"]) for node in nodes] == [
            (source["id"], 0, None),
            (child["id"], 1, source["id"]),
            (grandchild["id"], 2, child["id"]),
            (other["id"], 1, source["id"]),
        ]
    assert nodes[1]["parent_step"] == source["step"]
    changes = [(each["path"], each["before"], each["after"]) for each in nodes[1]["changes"]]
    assert ("training.optimizer.lr", "0.05", "0.01") in changes
    assert ("training.epochs", "3", "5") in changes
    # A report shows the same branches.
    report = service.get(f"/v1/compare?runs={source['id']},{child['id']},{grandchild['id']}")
    assert [(each["run"], each["parent"], each["step"]) for each in report["branches"]] == [
        (run["id"], run["parent"], run["parent_step"]) for run in (child, grandchild)
    ]
    assert report["branches"][0]["changes"] == nodes[1]["changes"]


def test_a_corpus_with_other_characters_grows_the_alphabet(service: Installation, source: Any) -> None:
    service.client.post("/v1/corpora", json={"name": "greek", "text": TEXT.replace("t", "τ") + TEXT})
    body = spec() | {"corpus": "greek", "start": {"run": source["id"]}}
    job = service.submit(body)
    service.work()
    run = service.runs(job["id"])[0]
    assert run["state"] == "succeeded", run["error"]
    before, after = (
        Checkpoint.from_bytes(service.store.checkpoints.get(id).data).tokenizer for id in (source["id"], run["id"])
    )
    assert after.vocabulary == before.vocabulary + 1


@pytest.mark.parametrize(
    ("start", "path"),
    [
        ({"run": "run-nobodys"}, "start.run"),
        ({"run": "SOURCE", "checkpoint": 10**9}, "start.checkpoint"),
        ({"run": "SOURCE", "what": "everything"}, "training.epochs"),
        ({"run": "SOURCE", "what": "half"}, "start.what"),
        ({}, "start.run"),
    ],
)
def test_a_start_that_cannot_be_is_refused(service: Installation, source: Any, start: Any, path: str) -> None:
    if start.get("run") == "SOURCE":
        start = start | {"run": source["id"]}
    found = problem(service.client.post("/v1/jobs", json=SPEC | {"start": start}), 422, "invalid-spec")
    assert [each["path"] for each in found["problems"]] == [path]


def test_a_run_that_is_queued_has_no_checkpoint_to_start_from(service: Installation) -> None:
    service.add_corpus()
    job = service.submit()
    run = service.runs(job["id"])[0]["id"]
    found = problem(service.client.post("/v1/jobs", json=SPEC | {"start": {"run": run}}), 422, "invalid-spec")
    assert "no checkpoint" in found["problems"][0]["message"]


def test_best_and_latest_write_what_they_are(service: Installation, source: Any) -> None:
    """Without a checkpoint in the request, the best one generates, and the answer gives its step."""
    path = f"/v1/runs/{source['id']}/generate"
    losses = service.get(f"/v1/runs/{source['id']}/metrics")["data"]
    best = min(losses, key=lambda row: row["validation_loss"])["step"]
    answers = [
        service.client.post(path, json={"max_tokens": 3, "seed": 1} | more).json()
        for more in ({}, {"checkpoint": "best"})
    ]
    assert [answer["checkpoint"] for answer in answers] == [best, best]
