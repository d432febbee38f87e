"""Computing requests: a few at once per account, the rest in a queue, and none for a disconnected client."""

import asyncio
import gc
import re
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gatelab.errors import Abandoned, Overloaded
from gatelab.generation import scoring
from gatelab.store.keys import Key, Keys, Scope
from service import computations, turns
from service.computations import THREADS, Computations, still_wanted
from tests.service.conftest import Trained
from tests.service.installation import LIMITS, Installation, bearer, installation, problem
from tests.waiting import eventually

TWO = LIMITS.model_copy(update={"computations": 2, "waiting": 3})


class Client:
    """A client that can disconnect."""

    def __init__(self) -> None:
        self.gone = False

    async def is_disconnected(self) -> bool:
        return self.gone


class Long:
    """A computation that checks whether it is still wanted until the test releases it."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        while not self.go.wait(0.01):
            still_wanted()
        return "done"


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def run(scene: Callable[[Computations], Awaitable[None]]) -> None:
    async def played() -> None:
        await asyncio.wait_for(scene(Computations(TWO)), 60)

    asyncio.run(played())


def begin(work: Computations, compute: Callable[[], Any], client: Client | None = None, account: str = "ada") -> Any:
    return asyncio.ensure_future(work.run(client or Client(), account, compute))  # type: ignore[arg-type]


def test_an_account_computes_a_few_requests_at_once_and_others_are_not_held_up() -> None:
    async def scene(work: Computations) -> None:
        many = [Long() for _ in range(5)]
        answers = [begin(work, each) for each in many]
        await until(lambda: many[0].begun.is_set() and many[1].begun.is_set())
        assert await begin(work, lambda: "at once", account="bob") == "at once"
        with pytest.raises(Overloaded, match="5 requests of this account"):
            await begin(work, lambda: "too many")
        assert not any(each.begun.is_set() for each in many[2:])
        for each in many:
            each.go.set()
        assert await asyncio.gather(*answers) == ["done"] * 5
        assert await begin(work, lambda: "there is room again") == "there is room again"

    run(scene)


def test_nothing_is_kept_of_an_account_that_asks_for_nothing() -> None:
    async def scene(work: Computations) -> None:
        for number in range(50):
            await begin(work, lambda: None, account=str(number))
        assert work._accounts == {}

    run(scene)


def test_what_a_client_waited_for_that_has_gone_does_not_begin() -> None:
    async def scene(work: Computations) -> None:
        first, never, client = [Long(), Long()], Long(), Client()
        answers = [begin(work, each) for each in first]
        left = begin(work, never, client)
        await until(lambda: all(each.begun.is_set() for each in first))
        client.gone = True
        with pytest.raises(Abandoned):
            await left
        for each in first:
            each.go.set()
        await asyncio.gather(*answers)
        assert await begin(work, lambda: "next") == "next"
        assert not never.begun.is_set()

    run(scene)


def test_a_computation_ends_when_its_client_has_gone_and_keeps_its_turn_until_then() -> None:
    async def scene(work: Computations) -> None:
        deaf, hears, client = threading.Event(), Long(), Client()
        begun = threading.Event()

        def does_not_look() -> None:
            begun.set()
            deaf.wait(60)

        answers = [begin(work, does_not_look, client), begin(work, hears, client)]
        await until(lambda: begun.is_set() and hears.begun.is_set())
        client.gone = True
        with pytest.raises(Abandoned):
            await answers[1]
        third, fourth = Long(), Long()
        answers += [begin(work, third), begin(work, fourth)]
        await until(third.begun.is_set)
        await asyncio.sleep(0)
        assert not fourth.begun.is_set(), "the thread that does not look is busy"
        deaf.set()
        await until(fourth.begun.is_set)
        for each in (third, fourth):
            each.go.set()
        await asyncio.gather(*answers[2:])
        assert await answers[0] is None

    run(scene)


def test_a_request_that_is_cancelled_lets_its_thread_end_first_and_logs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(work: Computations) -> None:
        long = Long()
        answer = begin(work, long)
        await until(long.begun.is_set)
        answer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answer
        assert work._accounts == {}

    run(scene)
    gc.collect()
    assert not caplog.messages


def test_a_computation_does_not_continue_after_a_pause_if_its_client_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(work: Computations) -> None:
        client, pieces = Client(), list[str]()

        def pause() -> None:
            client.gone = True
            computation = computations._current.get()
            assert computation is not None
            assert computation.gone.wait(60)

        monkeypatch.setattr(work._processors, "pause", pause)
        with pytest.raises(Abandoned):
            await begin(work, lambda: pieces.append("computed"), client)
        assert not pieces

    run(scene)


def test_large_bodies_of_an_account_hold_up_no_other_account() -> None:
    async def scene(work: Computations) -> None:
        go = threading.Event()
        bodies = [asyncio.ensure_future(work.read("ada", partial(go.wait, 60))) for _ in range(2 * THREADS)]
        try:
            await asyncio.sleep(0)
            assert await asyncio.wait_for(begin(work, lambda: "computed", account="bob"), 30) == "computed"
            assert await asyncio.wait_for(work.read("bob", lambda: "read"), 30) == "read"
        finally:
            go.set()
        assert all(await asyncio.gather(*bodies))
        assert work._reading == {}

    run(scene)


def test_computations_of_many_accounts_hold_up_no_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(work: Computations) -> None:
        go = threading.Event()
        answers = [begin(work, partial(go.wait, 60), account=str(number)) for number in range(THREADS + 1)]
        monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.001)
        try:
            await asyncio.sleep(0)
            assert await asyncio.wait_for(work.read("bob", lambda: "read"), 50) == "read"
        finally:
            go.set()
        assert all(await asyncio.gather(*answers))

    run(scene)


def test_an_error_of_a_computation_is_the_request_s() -> None:
    async def scene(work: Computations) -> None:
        with pytest.raises(ZeroDivisionError):
            await begin(work, lambda: 1 / 0)
        assert work._accounts == {}

    run(scene)


# -- In the service -----------------------------------------------------------------------------------------------


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Scores that are not computed until this is set."""
    go, whole = threading.Event(), scoring.score

    def waits(*arguments: Any) -> Any:
        go.wait(60)
        return whole(*arguments)

    monkeypatch.setattr("gatelab.generation.score", waits)
    yield go
    go.set()


def test_the_service_answers_while_an_account_computes_all_it_may(trained: Trained, stuck: threading.Event) -> None:
    service = trained.service
    work = service.client.app.state.context.computations  # type: ignore[attr-defined]
    most, run = work._most, trained.run["id"]

    def score(_: int) -> int:
        return service.client.post(trained.path("/score"), json={"texts": ["a"]}).status_code

    def look_around() -> None:
        eventually(lambda: [own.requests for own in work._accounts.values()] == [most], "all of them are in the line")
        assert service.get("/healthz") == {"status": "ok"}
        assert service.get(f"/v1/runs/{run}")["id"] == run
        refused = service.client.post(trained.path("/score"), json={"texts": ["a"]})
        assert "computations" in problem(refused, 429, "overloaded")["detail"]
        assert refused.headers["retry-after"] == "1"

    with ThreadPoolExecutor(most) as threads:
        answers = threads.map(score, range(most))
        try:
            look_around()
        finally:
            stuck.set()
        assert set(answers) == {200}


def test_however_many_come_with_a_key_it_is_looked_up_once_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, now, most, find = threading.Lock(), Counter[str](), Counter[str](), Keys.find

    def watched(keys: Keys, secret: str) -> Key | None:
        with lock:
            now[secret] += 1
            most[secret] = max(most[secret], now[secret])
        time.sleep(0.005)
        with lock:
            now[secret] -= 1
        return find(keys, secret)

    monkeypatch.setattr(Keys, "find", watched)
    with installation(tmp_path, auth=True) as service, ThreadPoolExecutor(16) as threads:
        _, good = service.store.keys.create("ada", Scope.READ, "k")

        def ask(secret: str) -> int:
            return service.client.get("/v1/account", headers=bearer(secret)).status_code

        statuses = list(threads.map(ask, [good, "gatelab_wrong"] * 40))
    assert statuses == [200, 401] * 40
    assert most == {good: 1, "gatelab_wrong": 1}


TEXTS = {
    "score": ({"texts": ["the time", "machine"]}, "texts"),
    "gates": ({"text": "the time machine"}, "text"),
    "recall": ({"task": {"kind": "recall", "lag": 2, "examples": 20}, "examples": 10}, "examples"),
    "generate": ({"prompt": "the time", "max_tokens": 10}, "prompt"),
}


@pytest.mark.parametrize("route", TEXTS)
def test_a_request_of_too_many_operations_is_refused_before_it_computes(
    trained: Trained, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, path = TEXTS[route]
    allow(trained.service, monkeypatch, request_flops=1000)
    answer = trained.service.client.post(trained.path(f"/{route}"), json=body)
    [fault] = problem(answer, 422, "invalid-request")["problems"]
    assert fault["path"] == path
    assert re.search(r"floating-point operations for \d+ tokens; at most 1e\+03 are allowed", fault["message"])


def test_completions_of_too_much_are_refused(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(**body: Any) -> str:
        answer = trained.service.client.post(
            "/v1/completions", json={"model": trained.run["id"], "prompt": "time"} | body
        )
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"]["message"])

    allow(trained.service, monkeypatch, request_flops=1000, logprob_values=100)
    assert "floating-point operations" in refusal()
    allow(trained.service, monkeypatch, logprob_values=99)
    # 4 tokens of the prompt and 6 generated ones, each with its own log-probability and 9 others.
    assert "100 log-probabilities are too many; at most 99" in refusal(echo=True, logprobs=9, max_tokens=6)
    allow(trained.service, monkeypatch, logprob_values=100)
    body = {"model": trained.run["id"], "prompt": "time", "echo": True, "logprobs": 9, "max_tokens": 6}
    assert trained.service.client.post("/v1/completions", json=body).status_code == 200


def test_texts_of_too_many_characters_together_are_not_scored(tmp_path: Path) -> None:
    with installation(tmp_path, limits=LIMITS.model_copy(update={"score_characters": 10})) as service:
        service.add_corpus()
        job = service.submit()["id"]
        service.work()
        [run] = service.runs(job)
        path = f"/v1/runs/{run['id']}/score"
        assert service.client.post(path, json={"texts": ["time", "flight"]}).status_code == 200
        [fault] = problem(service.client.post(path, json={"texts": ["time", "flights"]}), 422, "invalid-request")[
            "problems"
        ]
        assert fault == {"path": "texts", "message": "have 11 characters; at most 10 are allowed"}


def allow(service: Installation, monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    context = service.client.app.state.context  # type: ignore[attr-defined]
    changed = context.settings.model_copy(update={"limits": LIMITS.model_copy(update=limits)})
    monkeypatch.setitem(context.__dict__, "settings", changed)
