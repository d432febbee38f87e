"""Routes get the service's own objects and their caller without FastAPI's dependencies."""

import inspect
import threading
from typing import Any

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from service.app import create_app
from service.authorization import EVERYBODY, Asking
from service.context import Context, Service
from service.own_arguments import with_own_arguments
from service.routing import Router
from tests.service.installation import Installation

router = Router(prefix="/v1/own")


@router.get("/loop/{word}")
async def in_the_loop(service: Service, asking: Asking, word: str, number: int = 3) -> list[Any]:
    return [isinstance(service, Context), asking == EVERYBODY, word, number, threading.current_thread().name]


@router.get("/thread/{word}")
def in_a_thread(word: str, asking: Asking, request: Request) -> list[Any]:
    return [asking == EVERYBODY, word, request.url.path, threading.current_thread().name]


@pytest.fixture
def client(service: Installation) -> TestClient:
    app = create_app(service.settings)
    app.router.routes[:0] = router.routes
    return TestClient(app, base_url="http://localhost")


def test_they_come_beside_what_fastapi_reads(client: TestClient) -> None:
    *found, thread = client.get("/v1/own/loop/a?number=5").json()
    assert found == [True, True, "a", 5]
    assert thread != client.get("/v1/own/thread/b").json()[-1], "a plain function runs in a thread of its own"


def test_a_route_may_ask_for_the_request_too(client: TestClient) -> None:
    assert client.get("/v1/own/thread/b").json()[:-1] == [True, "b", "/v1/own/thread/b"]


def test_a_fault_of_the_other_arguments_is_the_same(client: TestClient) -> None:
    answer = client.get("/v1/own/loop/a?number=x")
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "number")


def test_fastapi_sees_the_other_parameters_and_the_names(client: TestClient) -> None:
    seen = with_own_arguments(in_the_loop)
    assert list(inspect.signature(seen).parameters) == ["word", "number", "request_itself"]
    assert (seen.__name__, seen.__module__) == ("in_the_loop", __name__)


def test_a_route_that_needs_none_of_them_stays_as_it_is() -> None:
    def plain(word: str) -> str:
        return word

    assert with_own_arguments(plain) is plain


@pytest.mark.parametrize("path", ["loop", "thread"])
def test_no_route_depends_on_them(path: str) -> None:
    [route] = [each for each in router.routes if f"/{path}/" in each.path]  # type: ignore[attr-defined]
    assert not route.dependant.dependencies  # type: ignore[attr-defined]
