"""A stream ends when its key is revoked: it sends no later event."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from gatelab.store.keys import Scope
from service import authorization
from service.app import create_app
from tests.service.installation import SPEC, Installation, bearer, installation
from tests.service.live import serving
from tests.service.sse import ServerSent, parse


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, auth=True) as service:
        yield service


def by_the_service(service: Installation, url: str, key: str, admin: dict[str, str]) -> None:
    assert httpx2.delete(f"{url}/v1/keys/{key}", headers=admin).status_code == 200


def by_rotating_it(service: Installation, url: str, key: str, admin: dict[str, str]) -> None:
    assert httpx2.post(f"{url}/v1/keys/{key}/rotate", headers=admin).status_code == 201


def by_another_process(service: Installation, url: str, key: str, admin: dict[str, str]) -> None:
    service.store.keys.revoke(key)


@pytest.mark.parametrize("path", ["/v1/jobs/changes", "/v1/jobs/{job}/events"])
@pytest.mark.parametrize("revoke", [by_the_service, by_rotating_it, by_another_process])
def test_what_happens_after_a_key_was_revoked_is_not_sent(
    service: Installation,
    revoke: Callable[[Installation, str, str, dict[str, str]], None],
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if revoke is by_another_process:
        monkeypatch.setattr(authorization, "ASK_SECONDS", 0)
    service.store.corpora.add("wells", "the time machine " * 50, "ada")
    key, secret = service.store.keys.create("ada", Scope.READ, "reader")
    admin = bearer(service.store.keys.create("ada", Scope.ADMIN, "admin")[1])
    with serving(create_app(service.settings)) as url:
        job = httpx2.post(f"{url}/v1/jobs", json=SPEC, headers=admin).json()["id"]
        address = url + path.format(job=job)
        with httpx2.stream("GET", address, headers=bearer(secret), timeout=60) as answer:
            events = parse(answer.iter_lines())
            first: ServerSent = next(events)
            assert first.name in ("job", "job_created")
            revoke(service, url, key.id, admin)
            httpx2.post(f"{url}/v1/jobs/{job}/cancel", headers=admin).raise_for_status()
            later = [event.name for event in events]
    assert set(later) <= {"ready"}, "the job's end is not told"
