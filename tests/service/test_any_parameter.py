"""With any value of a parameter, the answer is the expected one or a refusal, and no stream is broken off."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.service.conftest import Trained
from tests.service.installation import problem

INTEGERS = ["-1", "9" * 10, "9" * 16, "9" * 20, "9" * 400, "9" * 5000]
STRINGS = ["", " ", "\0", "é", "²", "1e400", "NaN", "null", "[]", "x" * 5000, "../..", "%00", "\u202e", "\U0001f600"]

ENDLESS = {"/v1/jobs/changes"}
"""Streams that do not end by themselves."""


def addresses(trained: Trained) -> Iterator[tuple[str, dict[str, str]]]:
    """Every GET of the service, with each of its parameters in turn."""
    known = {"job": trained.job, "corpus": "wells", "step": str(trained.run["step"])}
    paths: dict[str, Any] = trained.service.get("/openapi.json")["paths"]
    for path, methods in paths.items():
        if path in ENDLESS or "get" not in methods:
            continue
        right = {name: known.get(name, trained.run["id"]) for name in re.findall(r"{(\w+)}", path)}
        for parameter in methods["get"].get("parameters", []):
            name, place = parameter["name"], parameter["in"]
            for value in INTEGERS + STRINGS:
                if place == "query":
                    yield path.format(**right), {name: value}
                elif place == "path" and value:  # without it, it is another address
                    yield path.format(**right | {name: quote(value, safe="")}), {}


def test_every_get_answers_or_refuses(trained: Trained) -> None:
    asked = 0
    for path, query in addresses(trained):
        answer = trained.service.client.get(path, params=query)
        assert answer.status_code < 500, (path, query, answer.text)
        asked += 1
    assert asked > 500


@pytest.mark.parametrize("step", INTEGERS)
def test_a_checkpoint_may_be_any_number(step: str, trained: Trained) -> None:
    http, run = trained.service.client, trained.run["id"]
    for body in ({"model": f"{run}@{step}", "prompt": "a"}, {"model": f"{run}@{step}²", "prompt": "a"}):
        assert http.post("/v1/completions", json=body).status_code == 404
    for end in ("generate", "gates", "recall"):
        content = b'{"checkpoint": %s, "prompt": "a", "text": "a"}' % step.encode()
        answer = http.post(trained.path(f"/{end}"), content=content, headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize("length", ["9" * 5000, "²", "-1", "x"])
def test_a_length_that_is_no_number_is_not_believed(length: str, trained: Trained) -> None:
    headers = {b"content-length": length.encode("latin-1"), b"content-type": b"application/json"}
    answer = trained.service.client.post(trained.path("/score"), content=b'{"texts": ["the"]}', headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("address", "path", "message"),
    [
        ("/v1/runs?stat=queued", "stat", "did you mean 'state'?"),
        ("/v1/runs?state=queued&state=running", "state", "was given 2 times; give it once"),
        ("/v1/cells?limit=3", "limit", "there are none here"),
        ("/v1/jobs?dry-run=true", "dry-run", "unknown query parameter; there are state, cursor, limit"),
        ("/v1/runs?" + "x" * 3000, "x" * 3000, "unknown query parameter"),
    ],
)
def test_a_parameter_that_nobody_would_read_is_refused(address: str, path: str, message: str, trained: Trained) -> None:
    [found] = problem(trained.service.client.get(address), 422, "invalid-request")["problems"]
    assert found["path"] == path
    assert message in found["message"]


def test_parameters_that_may_be_repeated_and_those_of_other_services_are_taken(trained: Trained) -> None:
    client = trained.service.client
    tuned = "tuned=training.optimizer.lr&tuned=model.layers"
    assert client.get(f"/v1/jobs/{trained.job}/report?{tuned}").status_code in (200, 422)
    assert "was given" not in client.get(f"/v1/jobs/{trained.job}/report?{tuned}").text
    assert client.get("/v1/models?api-version=2024-06-01").status_code == 200
