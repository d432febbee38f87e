"""The host names under which the service answers, and the sites from which a browser may use it."""

from pathlib import Path

import pytest

from tests.service.conftest import Trained
from tests.service.installation import SERVER, SPEC, installation, problem


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "[::1", "127.0.0.1.x"]
)
def test_a_foreign_name_is_refused(host: str, trained: Trained) -> None:
    answer = trained.service.client.get("/v1/jobs", headers={"Host": host})
    assert "GATELAB_ALLOWED_HOSTS" in problem(answer, 403, "not-allowed")["detail"]


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "192.168.1.5", "lab.localhost"]
)
def test_localhost_and_addresses_are_known(host: str, trained: Trained) -> None:
    assert trained.service.client.get("/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:9999", "https://localhost.evil.example"]
)
def test_pages_of_other_sites_change_nothing(origin: str, trained: Trained) -> None:
    client, headers = trained.service.client, {"Origin": origin}
    for method, path in (("POST", "/v1/jobs"), ("DELETE", "/v1/corpora/wells"), ("POST", "/v1/login")):
        answer = client.request(method, path, headers=headers, json={})
        assert "CORS" in problem(answer, 403, "not-allowed")["detail"]
    answer = client.get("/v1/jobs", headers=headers)
    assert "access-control-allow-origin" not in answer.headers
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in client.options("/v1/jobs", headers=preflight).headers


def test_its_own_page_may(trained: Trained) -> None:
    headers = {"Origin": SERVER}
    assert trained.service.client.post("/v1/jobs?dry_run=true", json=SPEC, headers=headers).status_code == 200


def test_names_and_origins_can_be_allowed(tmp_path: Path) -> None:
    with installation(tmp_path, allowed_hosts="lab.example, gatelab", cors_origins="https://notes.example") as service:
        service.add_corpus()
        headers = {"Host": "lab.example:8000", "Origin": "https://notes.example"}
        answer = service.client.post("/v1/jobs?dry_run=true", json=SPEC, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://notes.example"
        headers |= {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        assert service.client.options("/v1/jobs", headers=headers).status_code == 200
        problem(service.client.get("/v1/jobs", headers={"Host": "other.example"}), 403, "not-allowed")
