"""GET /metrics: a service's requests and texts, and the runs in the database."""

from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from tests.service.conftest import Trained
from tests.service.installation import Installation, client, installation, settings_in
from tests.service.live import serving
from tests.store.conftest import expire
from tests.telemetry.exposed import Exposed
from tests.waiting import PATIENCE, eventually

EVENTS = "/v1/jobs/{job}/events"


def scrape(http: TestClient) -> Exposed:
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Exposed(answer.text)


def requests(found: Exposed, method: str, route: str, status: int) -> float:
    return found.value("gatelab_http_requests_total", method=method, route=route, status=str(status))


def test_requests_are_counted_by_the_template_of_their_route(http: TestClient) -> None:
    for path in ("/v1/runs/one", "/v1/runs/two", "/v1/runs/one/openai/v1/models", "/v1/runs"):
        http.get(path)
    found = scrape(http)
    assert requests(found, "GET", "/v1/runs/{run}", 404) == 2
    assert requests(found, "GET", "/v1/runs/{run}/openai/v1/models", 404) == 1
    assert requests(found, "GET", "/v1/runs", 200) == 1
    assert found.value("gatelab_http_request_seconds_count", method="GET", route="/v1/runs/{run}") == 2


def test_whatever_is_asked_for_there_are_few_label_values(http: TestClient) -> None:
    for number in range(50):
        http.get(f"/nothing/{number}")
        http.request(f"BREW{number}", "/v1/runs")
    found = scrape(http)
    assert requests(found, "GET", "unknown", 404) == 50
    assert requests(found, "other", "/v1/runs", 405) == 50
    assert len([name for name, _ in found.samples if name == "gatelab_http_requests_total"]) == 2


def test_every_documented_route_is_its_own_label(service: Installation) -> None:
    for path, methods in service.get("/openapi.json")["paths"].items():
        for method in methods:
            if path == "/v1/jobs/changes":  # a stream without an end
                continue
            service.client.request(method.upper(), path.replace("{", "no-").replace("}", ""))
    found = scrape(service.client)
    counted = {dict(labels)["route"] for name, labels in found.samples if name == "gatelab_http_requests_total"}
    assert counted >= set(service.get("/openapi.json")["paths"]) - {"/metrics", "/v1/jobs/changes"}
    assert requests(found, "GET", "unknown", 404) == 0


def test_two_services_in_one_process_count_apart(tmp_path: Path) -> None:
    with client(settings_in(tmp_path)) as one, client(settings_in(tmp_path)) as other:
        one.get("/healthz")
        assert requests(scrape(one), "GET", "/healthz", 200) == 1
        assert requests(scrape(other), "GET", "/healthz", 200) == 0


def test_runs_are_counted_by_state_in_the_database(service: Installation) -> None:
    service.add_corpus()
    service.submit()
    waiting = scrape(service.client)
    assert waiting.value("gatelab_runs", state="queued") == 1
    assert waiting.value("gatelab_queue_age_seconds") > 0
    claim = service.store.claims.claim("one that falls silent")
    assert claim is not None
    running = scrape(service.client)
    assert (running.value("gatelab_runs", state="queued"), running.value("gatelab_runs", state="running")) == (0, 1)
    assert (running.value("gatelab_queue_age_seconds"), running.value("gatelab_expired_leases")) == (0, 0)
    expire(service.store, claim.run_id)
    assert scrape(service.client).value("gatelab_expired_leases") == 1


def test_every_state_is_there_when_no_run_is_in_it(http: TestClient) -> None:
    found = scrape(http)
    states = {dict(labels)["state"] for name, labels in found.samples if name == "gatelab_runs"}
    assert states == {"queued", "running", "paused", "succeeded", "failed", "cancelled"}


def test_a_database_that_is_away_leaves_the_other_metrics(tmp_path: Path) -> None:
    with client(settings_in(tmp_path / "gone")) as http:
        http.get("/v1/runs")
        found = scrape(http)
    assert found.value("gatelab_database_up") == 0
    assert "gatelab_runs" not in found.help
    assert requests(found, "GET", "/v1/runs", 503) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_written_tokens_and_the_time_to_the_first_are_counted(stream: bool, trained: Trained) -> None:
    http = trained.service.client
    before = scrape(http)
    answer = http.post(trained.path("/generate"), json={"prompt": "the ", "max_tokens": 37, "stream": stream})
    assert answer.status_code == 200
    body = {"model": trained.run["id"], "prompt": ["a", "the "], "max_tokens": 5, "stream": stream}
    assert http.post("/v1/completions", json=body).status_code == 200
    found = scrape(http)

    def grown(name: str) -> float:
        return found.value(name) - before.value(name)

    assert grown("gatelab_generated_tokens_total") == 37 + 2 * 5
    assert grown("gatelab_time_to_first_token_seconds_count") == 3
    assert found.value("gatelab_texts", phase="writing") == 0


def test_open_event_streams_are_counted_until_they_end(service: Installation) -> None:
    service.add_corpus()
    job = service.submit()["id"]
    with serving(create_app(service.settings)) as url, httpx2.Client(base_url=url, timeout=PATIENCE) as http:

        def streams() -> float:
            return Exposed(http.get("/metrics").text).value("gatelab_event_streams", route=EVENTS)

        with http.stream("GET", f"/v1/jobs/{job}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: job_created"
            assert streams() == 1
            service.work()
            assert "event: job_finished" in list(lines)
        eventually(lambda: streams() == 0, "the stream is no longer counted")


def test_nothing_in_the_metrics_names_a_run_or_a_job(trained: Trained) -> None:
    text = trained.service.client.get("/metrics").text
    assert trained.job not in text
    assert trained.run["id"] not in text


def test_names_are_ours_with_base_units_and_a_help_text(trained: Trained) -> None:
    found = scrape(trained.service.client)
    for name, text in found.help.items():
        assert text, name
        assert name.startswith(("gatelab_", "process_")), name
        assert not name.endswith(("_ms", "_milliseconds", "_kb", "_minutes")), name
    histograms = {name for name, kind in found.type.items() if kind == "histogram"}
    assert histograms == {"gatelab_http_request_seconds", "gatelab_time_to_first_token_seconds"}


def test_the_census_reads_the_index_alone(tmp_path: Path) -> None:
    from sqlalchemy.dialects import sqlite

    from gatelab.store.installation_counts import query

    with installation(tmp_path) as made, made.store.database.read() as connection:
        statement = str(query().compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
        plan = [row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement)]
    assert any("COVERING INDEX ix_runs_state_queued_at_id" in step for step in plan), plan
    assert all("SEARCH running USING INDEX" in step for step in plan if "running" in step), plan
