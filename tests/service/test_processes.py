"""Several service processes of one installation: a change in one of them takes effect in all."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from gatelab.store import Store
from gatelab.store.keys import Scope
from tests.processes import free_port, is_ready, running, wait_until
from tests.service.installation import SPEC, TEXT, bearer, installation
from tests.service.sse import parse
from tests.waiting import eventually

RATE = 30


class Processes:
    """Two processes of one installation, with keys for an account of each test."""

    def __init__(self, urls: list[str], store: Store, run: str) -> None:
        self.urls, self.store, self.run = urls, store, run

    def key(self, account: str = "local") -> tuple[str, dict[str, str]]:
        """The id of a new key, and the headers of a request that has it."""
        key, secret = self.store.keys.create(account, Scope.ADMIN, "test")
        return key.id, bearer(secret)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Processes]:
    folder = tmp_path_factory.mktemp("processes")
    with ExitStack() as stack:
        made = stack.enter_context(installation(folder))
        made.add_corpus()
        job = made.submit()["id"]
        made.work()
        [run] = made.runs(job)
        told = {
            "GATELAB_DATA_DIR": str(folder),
            "GATELAB_BROKER_URL": "memory://",
            "GATELAB_COUNTS_URL": redis_url,
            "GATELAB_LIMITS__REQUESTS_PER_SECOND": str(RATE),
            "GATELAB_LIMITS__EVENT_STREAMS": "3",
        }
        urls = []
        for number in range(2):
            port, logs = free_port(), folder / f"service-{number}"
            logs.mkdir()
            command = [sys.executable, "-m", "service", f"--port={port}"]
            process = stack.enter_context(running(command, logs, environment=os.environ | told))
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda url=url: is_ready(url), process, logs)  # type: ignore[misc]
            urls.append(url)
        yield Processes(urls, made.store, run["id"])


def ask(method: str, url: str, **request: Any) -> httpx2.Response:
    """The answer, however busy the machine is."""
    return httpx2.request(method, url, timeout=120, **request)


def test_a_key_that_one_process_revokes_is_good_for_nothing_in_any(processes: Processes) -> None:
    first, second = processes.urls
    _, admin = processes.key()
    id, mine = processes.key()
    for url in processes.urls:
        assert ask("GET", f"{url}/v1/account", headers=mine).status_code == 200
    assert ask("DELETE", f"{first}/v1/keys/{id}", headers=admin).status_code == 200
    assert [ask("GET", f"{url}/v1/account", headers=mine).status_code for url in (second, first)] == [401, 401]


def test_what_one_process_deletes_is_there_for_none(processes: Processes) -> None:
    first, second = processes.urls
    _, mine = processes.key("ada")
    ask("POST", f"{first}/v1/corpora", json={"name": "wells", "text": TEXT}, headers=mine).raise_for_status()
    job = ask("POST", f"{first}/v1/jobs", json=SPEC, headers=mine).json()["id"]
    assert ask("GET", f"{second}/v1/jobs/{job}", headers=mine).status_code == 200
    ask("POST", f"{first}/v1/jobs/{job}/cancel", headers=mine).raise_for_status()
    assert ask("DELETE", f"{first}/v1/jobs/{job}", headers=mine).status_code == 204
    assert ask("GET", f"{second}/v1/jobs/{job}", headers=mine).status_code == 404


def test_requests_are_counted_together(processes: Processes) -> None:
    """A key's requests to both within one second. A busy machine may take longer to send them, so the test retries."""
    _, mine = processes.key()
    with httpx2.Client(headers=mine, timeout=120) as client:

        def refused() -> bool:
            asked = [client.get(f"{processes.urls[n % 2]}/v1/account") for n in range(4 * RATE)]
            return any(answer.status_code == 429 for answer in asked)

        eventually(refused, "the key has asked too much")
    assert {answer.status_code for answer in _some(processes, RATE // 4)} == {200}, "another key's are its own"


def _some(processes: Processes, count: int) -> list[httpx2.Response]:
    _, other = processes.key()
    return [ask("GET", f"{processes.urls[n % 2]}/v1/account", headers=other) for n in range(count)]


def test_event_streams_are_counted_together_and_told_of_what_another_process_does(processes: Processes) -> None:
    first, second = processes.urls
    account = f"eve-{uuid4().hex[:8]}"
    _, mine = processes.key(account)
    ask("POST", f"{first}/v1/corpora", json={"name": "wells", "text": TEXT}, headers=mine).raise_for_status()
    with ExitStack() as stack:
        streams = [
            stack.enter_context(httpx2.stream("GET", f"{url}/v1/jobs/changes", headers=mine, timeout=60))
            for url in (first, second, first)
        ]
        assert [stream.status_code for stream in streams] == [200] * 3
        for url in processes.urls:
            assert ask("GET", f"{url}/v1/jobs/changes", headers=mine).status_code == 429
        job = ask("POST", f"{first}/v1/jobs", json=SPEC, headers=mine).json()["id"]
        for stream in streams:
            told = next(event for event in parse(stream.iter_lines()) if event.name == "job")
            assert told.data["id"] == job

    def has_room() -> bool:
        with httpx2.stream("GET", f"{second}/v1/jobs/changes", headers=mine, timeout=60) as again:
            return again.status_code == 200

    eventually(has_room, "places are given back")


def test_a_text_that_one_process_began_another_goes_on_with(processes: Processes) -> None:
    first, second = processes.urls
    _, mine = processes.key()
    path = f"/v1/runs/{processes.run}/generate"
    whole = {"prompt": "the ", "max_tokens": 20, "seed": 3}
    begun = ask("POST", first + path, json=whole | {"max_tokens": 8, "state": True}, headers=mine).json()
    rest = ask("POST", second + path, json={"state": begun["state"], "max_tokens": 12, "seed": 3}, headers=mine).json()
    assert begun["text"] + rest["text"] == ask("POST", second + path, json=whole, headers=mine).json()["text"]
