"""A model with numbers that are not finite is refused, with the reason, on every route that generates or scores."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.store import Report
from tests.service.conftest import Trained
from tests.service.installation import Installation, problem
from tests.service.sse import events
from tests.store.conftest import claimed


@pytest.fixture
def run(service: Installation, trained: Trained) -> str:
    """A run with a checkpoint of finite weights that make all logits infinite."""
    service.add_corpus()
    service.submit()
    good = Checkpoint.from_bytes(trained.service.store.checkpoints.get(trained.run["id"]).data)
    weights = {name: weight.copy() for name, weight in good.weights.items()}
    for name in ("weight_head", "bias_head"):
        weights[name].fill(3e38)
    # States near 1 whatever the model reads.
    for name, weight in weights.items():
        if name.startswith("cells"):
            weight.fill(1)
    claim = claimed(service.store)
    service.store.claims.record(claim, Report(step=1, epoch=0, checkpoint=replace(good, weights=weights).to_bytes()))
    return claim.run_id


@pytest.mark.parametrize("body", [{}, {"prompt": "the time", "temperature": 0}, {"state": True}])
def test_generate_refuses(body: dict[str, Any], service: Installation, run: str) -> None:
    told = problem(service.client.post(f"/v1/runs/{run}/generate", json=body), 409, "not-finite")
    assert "not finite" in told["detail"]
    assert "another checkpoint" in told["detail"]
    stream = service.client.post(f"/v1/runs/{run}/generate", json=body | {"stream": True})
    [fault] = events(stream.text)
    assert (fault.name, fault.data["type"], fault.data["status"]) == ("error", "urn:gatelab:not-finite", 409)


@pytest.mark.parametrize("body", [{}, {"max_tokens": 0, "echo": True, "logprobs": 1}, {"logprobs": 1}])
def test_completions_refuse(body: dict[str, Any], service: Installation, run: str) -> None:
    body = {"model": run, "prompt": "the time", **body}
    answer = service.client.post("/v1/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not-finite")
    if "echo" not in body:
        stream = service.client.post("/v1/completions", json=body | {"stream": True})
        assert json.loads(stream.text.removeprefix("data: "))["error"]["code"] == "not-finite"


def test_score_refuses(service: Installation, run: str) -> None:
    problem(service.client.post(f"/v1/runs/{run}/score", json={"texts": ["the time"]}), 409, "not-finite")
