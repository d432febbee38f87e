"""The log of a request: one line with its id, and none of its contents."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from gatelab.store.keys import Scope
from service.app import create_app
from tests.processes import free_port, is_ready, read_log, running, wait_until
from tests.service.installation import SERVER, installation, settings_in, spec

SECRETS = {
    "cookie": "secret-of-the-cookie",
    "prompt": "secret of the prompt",
    "corpus": "secret of the corpus",
    "path": "secret-of-the-path",
    "query": "secret-of-the-query",
    "header": "secret-of-another-header",
}


Logged = Callable[[], tuple[TestClient, Callable[[], list[Any]]]]


@pytest.fixture
def logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Logged:
    """Makes a service that logs JSON to the test's own standard error. Returns a function that reads the log."""

    def make() -> tuple[TestClient, Callable[[], list[Any]]]:
        app = create_app(settings_in(tmp_path, log_json=True))

        @app.get("/broken")
        def broken() -> None:
            raise RuntimeError("a fault of ours")

        return TestClient(app, base_url=SERVER, raise_server_exceptions=False), lambda: list(
            map(json.loads, capsys.readouterr().err.splitlines())
        )

    return make


def test_a_request_leaves_one_line(logged: Logged) -> None:
    http, lines = logged()
    answer = http.get("/v1/runs/none", headers={"X-Request-Id": "mine-42"})
    [line] = lines()
    assert answer.headers["x-request-id"] == line["request_id"] == "mine-42"
    assert (line["event"], line["level"], line["method"], line["route"]) == ("request", "info", "GET", "/v1/runs/{run}")
    assert line["status"] == answer.status_code
    assert line["milliseconds"] > 0


@pytest.mark.parametrize("given", ["", "two words", "a" * 65, 'quote"', "<b>", "né".encode().decode("latin-1"), None])
def test_an_id_that_is_none_is_replaced(given: str | None, logged: Logged) -> None:
    http, lines = logged()
    answer = http.get("/v1/runs/none", headers=None if given is None else {b"X-Request-Id": given.encode("latin-1")})
    [line] = lines()
    made = answer.headers["x-request-id"]
    assert made == line["request_id"] != given
    assert len(made) == 32


def test_requests_without_an_id_get_different_ones(logged: Logged) -> None:
    http, _ = logged()
    assert http.get("/healthz").headers["x-request-id"] != http.get("/healthz").headers["x-request-id"]


def test_a_fault_of_ours_is_answered_and_logged_with_the_same_id(logged: Logged) -> None:
    http, lines = logged()
    answer = http.get("/broken")
    fault, request = lines()
    assert (answer.status_code, request["status"]) == (500, 500)
    assert answer.headers["x-request-id"] == fault["request_id"] == request["request_id"]
    assert "a fault of ours" in fault["exception"]
    assert "a fault of ours" not in answer.text


def test_what_machines_ask_all_the_time_is_logged_only_when_it_fails(logged: Logged) -> None:
    http, lines = logged()
    http.get("/healthz")
    http.get("/metrics")
    assert lines() == []
    assert http.get("/readyz").status_code == 503
    assert [line["route"] for line in lines()] == ["/readyz"]


def test_the_log_of_a_session_has_none_of_its_secrets(tmp_path: Path) -> None:
    with installation(tmp_path) as made:
        made._created("/v1/corpora", {"name": "wells", "text": SECRETS["corpus"] * 40}, 201)
        job = made.submit(spec())["id"]
        made.work()
        [run] = made.runs(job)
        _, key = made.store.keys.create("local", Scope.SUBMIT, "a key")
    port = free_port()
    command = [sys.executable, "-m", "service", f"--port={port}"]
    told = {"GATELAB_DATA_DIR": str(tmp_path), "GATELAB_LOG_JSON": "true", "GATELAB_SESSION_KEY": "k" * 40}
    told |= {"GATELAB_BROKER_URL": "redis://:secret-of-the-broker@127.0.0.1:1/0"}
    headers = {"Authorization": f"Bearer {key}", "Cookie": f"session={SECRETS['cookie']}"}
    headers |= {"X-Something": SECRETS["header"]}
    (folder := tmp_path / "logs").mkdir()
    with running(command, folder, environment=os.environ | told) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(url), process, folder)
        with httpx2.Client(base_url=url, headers=headers, timeout=60) as http:
            states = _session(http, run["id"])
    log = read_log(folder)
    lines = [json.loads(line) for line in log.splitlines()]
    assert len([line for line in lines if line["event"] == "request"]) == 9
    for secret in (key, *SECRETS.values(), *states, "k" * 40, "secret-of-the-broker"):
        assert secret not in log
        assert secret.replace(" ", "%20") not in log


def _session(http: httpx2.Client, run: str) -> list[str]:
    """Send all kinds of requests, some of them invalid. Returns the session states."""
    body = {"prompt": SECRETS["prompt"], "max_tokens": 5, "state": True}
    first = http.post(f"/v1/runs/{run}/generate", json=body).json()["state"]
    second = http.post(f"/v1/runs/{run}/generate", json={"state": first, "max_tokens": 5}).status_code
    assert second == 200
    streamed = {"prompt": SECRETS["prompt"], "max_tokens": 5, "stream": True}
    assert http.post(f"/v1/runs/{run}/generate", json=streamed).status_code == 200
    assert http.post(f"/v1/runs/{run}/generate", json={"state": first[:-3] + "abc"}).status_code == 400
    assert http.post(f"/v1/runs/{run}/generate", json={"prompt": {"x": SECRETS["prompt"]}}).status_code == 422
    assert http.get(f"/v1/runs/{SECRETS['path']}").status_code == 404
    assert http.get(f"/{SECRETS['path']}", params={"key": SECRETS["query"]}).status_code == 404
    assert http.get("/v1/runs", params={"cursor": SECRETS["query"]}).status_code == 422
    # The wake-up finds no broker, which is logged.
    assert http.post("/v1/jobs", json=spec()).status_code == 202
    return [first]
