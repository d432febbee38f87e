"""How much of the service one key or account may use, and the answers beyond that."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gatelab.specs import Limits
from gatelab.store import tables
from gatelab.store.keys import Scope
from service.quotas import MovingWindow, Quotas
from tests.service.conftest import Trained
from tests.service.installation import LIMITS, SPEC, TEXT, bearer, installation, problem, spec


def limited(**changes: int) -> Limits:
    return LIMITS.model_copy(update=changes)


def test_too_many_requests_in_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [1_800_000_000.0]
    with installation(tmp_path, auth=True, limits=limited(requests_per_second=5)) as service:
        context = service.client.app.state.context  # type: ignore[attr-defined]
        monkeypatch.setattr(context.quotas, "_rate", MovingWindow(5, lambda: times[-1]))
        first, second = (bearer(service.store.keys.create("ada", Scope.READ, "k")[1]) for _ in range(2))
        statuses = [service.client.get("/v1/account", headers=first).status_code for _ in range(8)]
        assert statuses == [200] * 5 + [429] * 3
        assert service.client.get("/v1/account", headers=second).status_code == 200
        answer = service.client.get("/v1/account", headers=first)
        assert "requests_per_second" in problem(answer, 429, "overloaded")["detail"]
        assert answer.headers["retry-after"] == "1"
        times.append(times[0] + 1.001)
        assert service.client.get("/v1/account", headers=first).status_code == 200


def test_a_second_is_over_after_a_second() -> None:
    times = [0.0]
    window = MovingWindow(2, lambda: times[-1])
    for time, allowed in [(0.0, True), (0.25, True), (0.75, False), (1.0, True), (1.0, False), (1.25, True)]:
        times.append(time)
        assert window.hit("key") is allowed, time


def test_too_many_texts_of_an_account(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    context = trained.service.client.app.state.context  # type: ignore[attr-defined]
    quotas = Quotas(limited(generations=2, event_streams=1))
    monkeypatch.setitem(context.__dict__, "quotas", quotas)
    ends = [asyncio.run(quotas.generations.take("local")) for _ in range(2)]
    answer = trained.service.client.post(trained.path("/generate"), json={"prompt": "a"})
    assert "generations" in problem(answer, 429, "overloaded")["detail"]
    asyncio.run(quotas.generations.take("another"))()
    ends[0]()
    ends[0]()
    for _ in range(5):  # each gives its place back
        trained.generate(prompt="a", max_tokens=3)
        streamed = trained.service.client.post(trained.path("/generate"), json={"prompt": "a", "stream": True})
        assert streamed.status_code == 200
        problem(
            trained.service.client.post(trained.path("/generate"), json={"prompt": "a", "state": "x"}),
            400,
            "invalid-state",
        )


def test_too_many_event_streams_of_an_account(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    context = trained.service.client.app.state.context  # type: ignore[attr-defined]
    quotas = Quotas(limited(event_streams=1))
    monkeypatch.setitem(context.__dict__, "quotas", quotas)
    for _ in range(3):
        assert trained.service.client.get(f"/v1/jobs/{trained.job}/events").status_code == 200
    taken = asyncio.run(quotas.event_streams.take("local"))
    answer = trained.service.client.get(f"/v1/jobs/{trained.job}/events")
    assert "event_streams" in problem(answer, 429, "overloaded")["detail"]
    taken()
    assert trained.service.client.get(f"/v1/jobs/{trained.job}/events").status_code == 200


def test_a_job_may_cost_so_much(tmp_path: Path) -> None:
    with installation(tmp_path, limits=limited(job_flops=10**6)) as service:
        service.add_corpus()
        for path in ("/v1/jobs", "/v1/jobs?dry_run=true"):
            assert "job_flops" in problem(service.client.post(path, json=SPEC), 413, "too-large")["detail"]
        assert service.client.get("/v1/jobs").json()["data"] == []


def test_an_account_may_queue_so_much(tmp_path: Path) -> None:
    with installation(tmp_path, limits=limited(queued_runs=3)) as service:
        service.add_corpus()
        service.submit(SPEC | {"repeats": 3})
        answer = service.client.post("/v1/jobs", json=SPEC)
        assert "queued_runs is 3" in problem(answer, 429, "overloaded")["detail"]
        assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("training", [{}, {"keep_checkpoints": 1000, "carry_state": True}], ids=["plain", "much"])
def test_no_run_stores_more_than_was_foreseen(training: dict[str, Any], tmp_path: Path) -> None:
    with installation(tmp_path, slice_seconds=1e-9) as service:
        text = service.add_corpus()["characters"]
        job = service.submit(spec(**training))["id"]
        foreseen = service.store.accounts.stored_bytes("local") - text
        service.work()
        [run] = service.runs(job)
        with service.store.database.read() as connection:
            checkpoints = connection.scalar(select(func.sum(tables.checkpoints.c.size))) or 0
        samples = service.get(f"/v1/runs/{run['id']}/samples")["data"]
        written = sum(len((sample["prefix"] + sample["text"]).encode()) for sample in samples)
        assert 0 < checkpoints + written <= foreseen


def test_an_account_may_store_so_much(tmp_path: Path) -> None:
    with installation(tmp_path / "first") as service:
        service.add_corpus()
        of_corpus = service.store.accounts.stored_bytes("local")
        service.submit(SPEC)
        of_run = service.store.accounts.stored_bytes("local") - of_corpus
    with installation(tmp_path / "second", limits=limited(account_bytes=of_corpus + 2 * of_run)) as service:
        service.add_corpus()
        job = service.submit(SPEC)["id"]
        service.submit(SPEC)
        for path in ("/v1/jobs", "/v1/jobs?dry_run=true"):
            assert "account_bytes" in problem(service.client.post(path, json=SPEC), 413, "too-large")["detail"]
        other = service.client.post("/v1/corpora", json={"name": "other", "text": "a text"})
        assert "account_bytes" in problem(other, 413, "too-large")["detail"]
        again = service.client.post("/v1/corpora", json={"name": "wells", "text": TEXT})
        assert again.status_code == 200, "nothing is added"
        service.client.post(f"/v1/jobs/{job}/cancel")
        assert service.client.delete(f"/v1/jobs/{job}").status_code == 204
        service.submit(SPEC)
