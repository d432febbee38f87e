"""The bound on the bodies of an account's unanswered requests."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gatelab.errors import Overloaded
from service.corpora import routes
from service.quotas import Concurrency
from tests.service.installation import LIMITS, Installation, installation, problem
from tests.waiting import eventually

CORPUS = {"name": "wells", "text": "the time machine " * 100}
SIZE = 1700


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, limits=LIMITS.model_copy(update={"unanswered_bytes": 2 * SIZE})) as service:
        yield service


def test_bodies_that_are_too_much_together_are_not_read(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    go, begun, add = threading.Event(), threading.Semaphore(0), routes._add

    def waits(*arguments: Any) -> Any:
        begun.release()
        go.wait(60)
        return add(*arguments)

    monkeypatch.setattr(routes, "_add", waits)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(service.client.post, "/v1/corpora", json=CORPUS)
        try:
            eventually(lambda: begun.acquire(blocking=False), "the first is at work")
            refused = service.client.post("/v1/corpora", json=CORPUS)
            assert "unanswered_bytes" in problem(refused, 429, "overloaded")["detail"]
            assert refused.headers["retry-after"] == "1"
            assert service.get("/v1/corpora")["data"] == [], "what brings nothing is answered"
        finally:
            go.set()
        assert first.result().status_code == 201
    assert service.client.post("/v1/corpora", json=CORPUS).status_code == 200


def test_a_body_of_unknown_length_counts_as_the_longest(service: Installation) -> None:
    pieces = iter([b'{"name": "wells", ', b'"text": "the time machine"}'])
    headers = {"Content-Type": "application/json"}
    assert service.client.post("/v1/corpora", content=pieces, headers=headers).status_code == 201


def test_one_alone_may_be_larger_and_what_was_taken_is_given_back() -> None:
    bodies = Concurrency("bytes", 10)
    for _ in range(3):
        large = bodies.take("ada", 100)
        with pytest.raises(Overloaded):
            bodies.take("ada", 1)
        bodies.take("bob", 10)()
        large()
        small = [bodies.take("ada", 4), bodies.take("ada", 6)]
        with pytest.raises(Overloaded):
            bodies.take("ada", 1)
        for give_back in (*small, *small):  # each once
            give_back()
    assert not bodies._open


def test_a_stranger_s_body_is_short(service: Installation) -> None:
    problem(service.client.post("/v1/login", json={"key": "a" * 5000}), 413, "too-large")
