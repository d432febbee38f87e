"""POST /v1/jobs with an `Idempotency-Key`: however often a request is sent, it makes one job."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from httpx2 import Response
from pydantic import SecretStr

from gatelab.client.api import Gatelab
from gatelab.specs import JobSpec
from gatelab.store import State, Store
from tests import servers
from tests.databases import migrate
from tests.processes import free_port, is_ready, running, wait_until
from tests.service.installation import SPEC, TEXT, Installation, problem, settings_in

Post = Callable[..., Response]


@pytest.fixture
def post(service: Installation) -> Post:
    """A function that sends a spec with these keys."""
    service.add_corpus()

    def send(*keys: str, spec: dict[str, Any] = SPEC) -> Response:
        return service.client.post("/v1/jobs", json=spec, headers=[("Idempotency-Key", key) for key in keys])

    return send


def accepted(answer: Response) -> str:
    """The id of the job in an answer."""
    assert answer.status_code == 202, answer.text
    job: str = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/jobs/{job}"
    return job


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Store]]:
    """The URL of a service in a process of its own, and its store."""
    if request.param == "postgresql":
        with servers.postgres_database(request.getfixturevalue("postgres_server")) as url:
            yield from _serve(tmp_path, url)
    else:
        yield from _serve(tmp_path, f"sqlite:///{tmp_path}/gatelab.db")


def _serve(folder: Path, database: str) -> Iterator[tuple[str, Store]]:
    settings = settings_in(folder, database_url=SecretStr(database))
    migrate(settings)
    url = f"http://127.0.0.1:{(port := free_port())}"
    options = {"DATA_DIR": str(folder), "BROKER_URL": "memory://", "DATABASE_URL": database, "AUTH": "no"}
    environment = os.environ | {f"GATELAB_{name}": value for name, value in options.items()}
    command = [sys.executable, "-m", "service", f"--port={port}"]
    with Store(settings) as store, running(command, folder, environment=environment) as process:
        store.corpora.add("wells", TEXT)
        wait_until(lambda: is_ready(url), process, folder)
        yield url, store


def test_twenty_requests_at_once_make_one_job(address: tuple[str, Store]) -> None:
    url, store = address

    def send(number: int) -> Response:
        key = {"Idempotency-Key": "the-same"}
        return httpx2.post(f"{url}/v1/jobs", json=SPEC | {"repeats": 3}, headers=key, timeout=60)

    with ThreadPoolExecutor(20) as pool:
        made = {accepted(answer) for answer in pool.map(send, range(20))}
    assert made == {job.id for job in store.jobs.list().items}
    assert len(made) == 1
    assert store.count_runs().runs[State.QUEUED] == 3
    with Gatelab(url) as client:
        assert client.submit(SPEC | {"repeats": 3}, idempotency_key="the-same").id in made
        assert client.submit(SPEC | {"repeats": 3}).id not in made


def test_the_second_answer_tells_how_the_job_is_now(service: Installation, post: Post) -> None:
    job = accepted(post("key"))
    service.work()
    again = post("key")
    assert accepted(again) == job
    assert again.json()["state"] == "succeeded"
    assert len(service.get("/v1/jobs")["data"]) == 1


def test_without_a_key_or_with_another_it_is_another_job(post: Post) -> None:
    assert len({accepted(post(*keys)) for keys in [(), (), ("a",), ("b",), ("A",)]}) == 5


@pytest.mark.parametrize(
    "other", [SPEC | {"name": "other"}, SPEC | {"repeats": 2}, SPEC | {"grid": {"training.seed": [1, 2]}}]
)
def test_a_key_is_not_for_another_spec(service: Installation, post: Post, other: dict[str, Any]) -> None:
    job = accepted(post("key"))
    refused = problem(post("key", spec=other), 422, "idempotency-key-reused")
    assert [fault["path"] for fault in refused["problems"]] == ["Idempotency-Key"]
    assert [found["id"] for found in service.get("/v1/jobs")["data"]] == [job]
    assert accepted(post("key")) == job, "the key stands for its job still"


def test_what_means_the_same_is_the_same_request(post: Post) -> None:
    turned = {name: SPEC[name] for name in reversed(SPEC)}
    turned["training"] = {name: SPEC["training"][name] for name in reversed(SPEC["training"])}
    spelled_out = JobSpec.model_validate(SPEC).model_dump(mode="json")
    assert spelled_out != SPEC
    assert len({accepted(post("key", spec=spec)) for spec in (SPEC, turned, spelled_out)}) == 1


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "tab\there", "\x7f", "schl\xfcssel"])
def test_a_key_that_is_none_is_refused(service: Installation, post: Post, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = service.client.post("/v1/jobs", json=SPEC, headers=headers)
    refused = problem(answer, 422, "invalid-request")
    assert [fault["path"] for fault in refused["problems"]] == ["Idempotency-Key"]
    assert service.get("/v1/jobs")["data"] == []


@pytest.mark.parametrize("key", ["x", "x" * 255, "!#$%&'()*+,-./:;<=>?@[]^_`{|}~\"\\"])
def test_a_key_is_visible_ascii(post: Post, key: str) -> None:
    assert accepted(post(key)) == accepted(post(key))


def test_a_key_is_not_spent_on_a_refused_request(post: Post) -> None:
    problem(post("key", spec=SPEC | {"corpus": "verne"}), 404, "not-found")
    problem(post("key", spec=SPEC | {"repeats": -1}), 422, "invalid-spec")
    assert accepted(post("key"))


def test_a_key_goes_with_its_job(service: Installation, post: Post) -> None:
    job = accepted(post("key"))
    assert service.client.delete(f"/v1/jobs/{job}").status_code == 204
    anew = accepted(post("key", spec=SPEC | {"repeats": 2}))
    assert anew != job
    assert len(service.get("/v1/jobs")["data"]) == 1


def test_a_job_that_was_cancelled_is_not_made_again(service: Installation, post: Post) -> None:
    job = accepted(post("key"))
    service.client.post(f"/v1/jobs/{job}/cancel")
    again = post("key")
    assert (accepted(again), again.json()["state"]) == (job, "cancelled")
