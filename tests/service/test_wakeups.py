"""The service wakes workers up for new work, and never waits for the broker."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from redis import Redis
from structlog.testing import capture_logs

from gatelab.store import State
from service.jobs.wakeups import Wakeups
from tests.processes import free_port
from tests.service.installation import SPEC, Installation, installation, settings_in


class Queue:
    """A queue of its own on a real Redis."""

    def __init__(self, url: str) -> None:
        self.url, self.name = url, f"gatelab-test-{uuid4().hex[:12]}"
        self.redis = Redis.from_url(url)

    def settings(self) -> dict[str, Any]:
        return {"broker_url": SecretStr(self.url), "queue": self.name}

    def messages(self) -> list[Any]:
        return [json.loads(message) for message in self.redis.lrange(self.name, 0, -1)]


@pytest.fixture
def queue(redis_url: str) -> Iterator[Queue]:
    queue = Queue(redis_url)
    yield queue
    queue.redis.delete(queue.name, *queue.redis.keys(f"_kombu.binding*{queue.name}"))
    queue.redis.close()


@pytest.fixture
def service(tmp_path: Path, queue: Queue) -> Iterator[Installation]:
    with installation(tmp_path, **queue.settings()) as made:
        made.add_corpus()
        yield made


@pytest.mark.parametrize(("runs", "expected"), [(1, 1), (3, 3), (20, 16)])
def test_a_job_wakes_a_worker_for_each_run_up_to_a_bound(
    runs: int, expected: int, service: Installation, queue: Queue
) -> None:
    service.submit(SPEC | {"repeats": runs})
    assert [message["headers"]["task"] for message in queue.messages()] == ["gatelab.wake"] * expected


def test_a_resumed_job_wakes_a_worker(service: Installation, queue: Queue) -> None:
    job = service.submit()["id"]
    for steer in ("pause", "resume"):
        service.client.post(f"/v1/jobs/{job}/{steer}")
    assert len(queue.messages()) == 2


def test_a_refused_job_wakes_nobody(service: Installation, queue: Queue) -> None:
    assert service.client.post("/v1/jobs", json=SPEC | {"repeats": 21}).status_code == 422
    assert queue.messages() == []


def test_a_wake_up_comes_after_the_commit(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(Wakeups, "send", lambda *_: seen.append(service.store.count_runs().runs[State.QUEUED]))
    service.submit(SPEC | {"repeats": 3})
    assert seen == [3]


def test_a_dead_broker_fails_no_request(tmp_path: Path) -> None:
    with installation(tmp_path, broker_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0")) as service:
        service.add_corpus()
        job = service.submit(SPEC | {"repeats": 20})
        assert service.get(f"/v1/jobs/{job['id']}")["runs"]["queued"] == 20
        assert service.client.post(f"/v1/jobs/{job['id']}/pause").status_code == 200
        assert service.client.post(f"/v1/jobs/{job['id']}/resume").status_code == 200


def test_a_dead_broker_is_left_alone_for_a_while(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, broker_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0"))
    wakeups = Wakeups(settings, quiet_seconds=3600)
    with capture_logs() as logs:
        for _ in range(3):
            wakeups.send(5)
    assert [entry["event"] for entry in logs] == ["the broker did not take a wake-up"]
    wakeups.close()


def test_a_broker_that_is_back_is_told_again(tmp_path: Path, queue: Queue) -> None:
    wakeups = Wakeups(settings_in(tmp_path, **queue.settings()), quiet_seconds=0.01)
    queue.redis.set(queue.name, "not a list")
    wakeups.send()
    queue.redis.delete(queue.name)
    time.sleep(0.02)
    wakeups.send()
    assert len(queue.messages()) == 1
    wakeups.close()
