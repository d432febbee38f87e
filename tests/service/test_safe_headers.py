"""Headers of answers for browsers and proxies, and a request that declares its length twice."""

import socket
from urllib.parse import urlsplit

import pytest

from service.app import create_app
from tests.service.conftest import Trained
from tests.service.live import serving

API = ["/v1/jobs", "/v1/runs/nothing", "/v1/no-such-route", "/v1/login", "/metrics"]


@pytest.mark.parametrize("path", [*API, "/healthz", "/docs", "/openapi.json"])
def test_no_answer_is_taken_for_another_type(trained: Trained, path: str) -> None:
    assert trained.service.client.get(path).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", API)
def test_no_cache_keeps_what_the_api_answers(trained: Trained, path: str) -> None:
    assert trained.service.client.get(path).headers["cache-control"] == "no-store"


def test_what_is_posted_and_refused_is_not_kept_either(trained: Trained) -> None:
    for body in ({"prompt": "a", "max_tokens": 2}, {"prompt": 1}):
        answer = trained.service.client.post(trained.path("/generate"), json=body)
        assert answer.headers["cache-control"] == "no-store"


def policy(trained: Trained, path: str) -> dict[str, str]:
    answer = trained.service.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    parts = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_a_report_runs_no_script_and_stands_in_no_frame(trained: Trained) -> None:
    for path in (f"/v1/jobs/{trained.job}/report?format=html", f"/v1/compare?runs={trained.run['id']}&format=html"):
        found = policy(trained, path)
        assert (found["default-src"], found["frame-ancestors"]) == ("'none'", "'none'")
        assert "script-src" not in found


def test_the_api_s_description_stands_in_no_frame_and_loads_nothing_from_elsewhere(trained: Trained) -> None:
    found = policy(trained, "/docs")
    assert (found["default-src"], found["frame-ancestors"]) == ("'self'", "'none'")
    assert not any("http" in value for value in found.values())


@pytest.mark.parametrize("path", ["/v1/jobs", "/healthz"])
def test_a_length_that_is_said_twice_ends_the_connection(trained: Trained, path: str) -> None:
    """A server that believes the other length would read the rest as another request."""
    hidden = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(create_app(trained.service.settings)) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            lengths = f"Content-Length: {5 + len(hidden)}\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(f"{head}{lengths}0\r\n\r\n{hidden}".encode())
            received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1, "the connection is closed, and the second request is not answered"
