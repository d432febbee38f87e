"""JSON with a repeated key is refused at every address, with the key and its path."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from gatelab.errors import Abandoned, InvalidRequest
from service import routing
from service.authorization import EVERYBODY
from service.computations import Computations
from service.routing import LARGE, StrictRequest
from tests.randomized import examples
from tests.service.conftest import Trained
from tests.service.installation import LIMITS, Installation, problem

TWICE = b'{"training": {"epochs": 1, "seed": 3, "epochs": 5}}'
MESSAGE = "the key 'epochs' is given twice in one object"


def addresses(service: Installation) -> list[tuple[str, str]]:
    """Method and path of every route that takes JSON, from the API's own description."""
    paths: dict[str, dict[str, Any]] = service.get("/openapi.json")["paths"]
    return [
        (method.upper(), path)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]


def test_no_address_takes_a_key_twice(trained: Trained) -> None:
    found = addresses(trained.service)
    assert {("POST", "/v1/jobs"), ("POST", "/v1/corpora"), ("POST", "/v1/keys"), ("POST", "/v1/completions")} <= {
        *found
    }
    for method, path in found:
        headers = {"content-type": "application/json"}
        address = path.replace("{run}", trained.run["id"])
        answer = trained.service.client.request(method, address, content=TWICE, headers=headers)
        if path.startswith("/v1/completions") or "/openai/" in path:
            assert answer.status_code == 400, (path, answer.text)
            assert answer.json()["error"]["param"] == "training.epochs"
        else:
            body = problem(answer, 422, "invalid-request")
            assert body["problems"] == [{"path": "training.epochs", "message": MESSAGE}], path


def test_a_large_body_is_read_beside_the_others(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "LARGE", 0)
    headers = {"content-type": "application/json"}
    answer = http.post("/v1/jobs", content=TWICE, headers=headers)
    assert problem(answer, 422, "invalid-request")["problems"][0]["message"] == MESSAGE
    assert http.post("/v1/corpora", json={"name": "x", "text": "abc"}).status_code == 201


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@examples(200)
@given(value=values)
def test_what_is_said_once_is_read_as_it_is(value: Any) -> None:
    assert routing.read(json.dumps(value).encode()) == value


@examples(200)
@given(
    path=st.lists(st.text("ab", min_size=1, max_size=2) | st.integers(0, 2), max_size=5),
    key=st.text(max_size=3),
    inner=values,
)
def test_what_is_said_twice_is_named_with_its_path(path: list[str | int], key: str, inner: Any) -> None:
    name, said = json.dumps(key), json.dumps(inner)
    text = f"{{{name}: {said}, {name}: {said}}}"
    for step in reversed(path):
        text = f"{{{json.dumps(step)}: {text}}}" if isinstance(step, str) else f"[{'{}, ' * step}{text}, 0]"
    with pytest.raises(InvalidRequest) as refusal:
        routing.read(text.encode())
    [found] = refusal.value.problems
    assert found.path == ".".join([*map(str, path), key])
    assert found.message == f"the key {key!r} is given twice in one object"


def test_of_keys_within_keys_that_are_given_twice_one_is_named_that_is_there() -> None:
    with pytest.raises(InvalidRequest, match=r"^a: the key 'a'"):
        routing.read(b'{"a": {"b": 1, "b": 2}, "a": 3}')


@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize("size", [LARGE - 1, LARGE])
def test_a_large_body_is_read_for_nobody_whose_client_has_gone(
    size: int, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "context_of", lambda _: SimpleNamespace(computations=Computations(LIMITS)))
    body = b'"' + b"x" * (size - 2) + b'"'
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not messages and stays:
            await asyncio.Event().wait()
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def read() -> object:
        return await StrictRequest({"type": "http", "state": {"caller": EVERYBODY}}, receive).json()

    if stays or size < LARGE:
        assert asyncio.run(read()) == "x" * (size - 2)
        return
    with pytest.raises(Abandoned):
        asyncio.run(read())
