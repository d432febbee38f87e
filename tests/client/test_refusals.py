"""Every fault between client and service becomes an error of the right class, with a reason."""

import socket
import ssl
from typing import Any

import pytest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from gatelab.client.api import Gatelab
from gatelab.client.errors import ApiError, ConnectionFailed, UnexpectedAnswer
from gatelab.errors import Problem
from service.app import create_app
from tests.client.live import Live, serving
from tests.client.trained import Trained
from tests.client.wire import instead
from tests.processes import free_port

# -- The service refuses ----------------------------------------------------------------------------------------------


def test_a_problem_document_becomes_an_api_error(gatelab: Gatelab, trained: Trained) -> None:
    wrong = {"corpus": "wells", "training": {"epochs": 0}, "model": {"cell": {"kind": "elman"}}}
    document = trained.service.client.post("/v1/jobs", json=wrong).json()
    assert len(document["problems"]) == 2

    with pytest.raises(ApiError) as caught:
        gatelab.submit(wrong)

    error = caught.value
    assert (error.status, error.type, error.title) == (422, "urn:gatelab:invalid-spec", "Invalid spec")
    assert error.problems == tuple(Problem(fault["path"], fault["message"]) for fault in document["problems"])
    assert str(error) == document["detail"]


# -- Something else answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [HTMLResponse("<h1>Bad gateway</h1>", 502), JSONResponse([1], 502), JSONResponse({"problems": 3}, 502)]
)
def test_an_error_without_a_problem_document_has_its_status(
    gatelab: Gatelab, trained: Trained, answer: Response
) -> None:
    trained.wire.faults = [instead(answer)]
    with pytest.raises(ApiError, match="HTTP status 502"):
        gatelab.job(trained.jobs["done"])


@pytest.mark.parametrize("answer", [HTMLResponse("<h1>Hello</h1>"), JSONResponse({"id": 3}), RedirectResponse("/x")])
def test_another_kind_of_server_is_recognised(gatelab: Gatelab, trained: Trained, answer: Response) -> None:
    trained.wire.faults = [instead(answer)]
    with pytest.raises(UnexpectedAnswer, match="does not answer like Gatelab"):
        gatelab.job(trained.jobs["done"])


# -- Nothing answers --------------------------------------------------------------------------------------------------


def test_nothing_at_the_address_is_said_with_what_to_do() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Gatelab(url) as gatelab, pytest.raises(ConnectionFailed, match=rf"{url}.*gatelab up"):
        gatelab.job("job-1")


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://[", "http://a b"])
def test_an_address_that_is_none_is_a_failed_connection(url: str) -> None:
    with pytest.raises(ConnectionFailed, match="cannot reach"), Gatelab(url) as gatelab:
        gatelab.job("job-1")


def test_silence_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Gatelab(url, timeout=0.1) as gatelab, pytest.raises(ConnectionFailed, match=r"within 0\.1 s"):
            gatelab.job("job-1")


def test_a_get_survives_a_restart_of_the_service(fresh: Live) -> None:
    job, port = fresh.service.submit()["id"], free_port()
    with serving(create_app(fresh.service.settings), port) as url:
        gatelab = Gatelab(url)
        assert gatelab.job(job).id == job
    with serving(create_app(fresh.service.settings), port), gatelab:
        # The connection that the client kept is dead by now.
        assert gatelab.job(job).id == job


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("http://127.0.0.1:8000", False),
        ("http://localhost:8000", False),
        ("https://127.0.0.1:8000", True),
        ("http://example.org", True),  # a proxy of the environment may have an address of https
        ("https://example.org", True),
    ],
)
def test_certificates_are_loaded_where_they_are_needed(url: str, needed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    load = ssl.SSLContext.load_verify_locations

    def note(context: ssl.SSLContext, *files: Any, **named: Any) -> None:
        loaded.append((files, named))
        load(context, *files, **named)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", note)
    Gatelab(url).close()
    assert bool(loaded) is needed


def test_a_proxy_is_not_asked_for_what_runs_here(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with Gatelab(trained.url) as gatelab:
        assert gatelab.job(trained.jobs["done"]).id == trained.jobs["done"]
