"""Loaded models are kept within a bound, and are always the right ones."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.errors import CorruptCheckpoint, NoCheckpoint, NotFound
from gatelab.store import Checkpoint as Saved
from gatelab.store import Report, State, Store
from service.generation import model_cache as service_models
from service.generation.model_cache import Loaded, ModelCache
from tests.service.conftest import Trained
from tests.service.installation import SPEC, Installation, problem
from tests.store.conftest import claimed


@pytest.fixture
def store(trained: Trained) -> Store:
    return trained.service.store


@pytest.fixture
def run(trained: Trained) -> str:
    found: str = trained.run["id"]
    return found


def test_a_model_is_loaded_once(store: Store, run: str) -> None:
    models = ModelCache(store)
    latest = models.get(run, "latest")
    assert models.get(run, "latest") is latest
    assert models.get(run, latest.step) is latest
    assert models.get(run, 1) is not latest


def test_the_models_used_latest_stay(store: Store, run: str) -> None:
    models = ModelCache(store, capacity=2)
    first, second = models.get(run, 1), models.get(run, 2)
    assert models.get(run, 1) is first
    models.get(run, 3)
    assert models.get(run, 1) is first, "it was used after the second"
    assert models.get(run, 2) is not second, "it had to go"


def test_models_take_no_more_memory_than_they_may_together(store: Store, run: str) -> None:
    size = ModelCache(store).get(run, 1).bytes
    models = ModelCache(store, capacity=100, most_bytes=5 * size // 2)
    first, second = models.get(run, 1), models.get(run, 2)
    assert (models.get(run, 1), models.get(run, 2)) == (first, second)
    models.get(run, 3)
    assert models.get(run, 1) is not first
    alone = ModelCache(store, most_bytes=1)
    assert alone.get(run, 1) is alone.get(run, 1), "the one that is used stays, whatever it takes"


def test_however_many_ask_at_once_a_model_is_loaded_once(
    store: Store, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[int] = []

    def load(saved: Saved) -> Loaded:
        loads.append(saved.step)
        time.sleep(0.05)  # as long as others take to ask for it
        return whole(saved)

    whole = service_models._load
    monkeypatch.setattr(service_models, "_load", load)
    models, gate = ModelCache(store), Barrier(8)

    def ask(_: int) -> Loaded:
        gate.wait()
        return models.get(run, "latest")

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, range(8)))
    assert len(loads) == 1
    assert all(each is found[0] for each in found)


def test_what_is_not_there_is_not_loaded(store: Store, run: str) -> None:
    models = ModelCache(store)
    with pytest.raises(NotFound):
        models.get("nobody", "latest")
    with pytest.raises(NotFound):
        models.get(run, 9999)


@pytest.fixture
def copies(service: Installation, trained: Trained) -> list[bytes]:
    """The trained run's checkpoints, and a queued run with the same spec in an installation that tests may change."""
    service.add_corpus()
    service.submit()
    return [trained.service.store.checkpoints.get(trained.run["id"], step).data for step in (1, 6)]


def test_a_new_latest_checkpoint_takes_the_place_of_the_one_before(service: Installation, copies: list[bytes]) -> None:
    models, claim = ModelCache(service.store), claimed(service.store)
    with pytest.raises(NoCheckpoint):
        models.get(claim.run_id, "latest")
    service.store.claims.record(claim, Report(step=1, epoch=0, checkpoint=copies[0]))
    first = models.get(claim.run_id, "latest")
    service.store.claims.record(claim, Report(step=6, epoch=3, checkpoint=copies[1]))
    second = models.get(claim.run_id, "latest")
    assert (first.step, second.step) == (1, 6)
    assert first.decoder is not second.decoder


def test_a_checkpoint_written_again_is_loaded_again(service: Installation, copies: list[bytes]) -> None:
    models, claim = ModelCache(service.store), claimed(service.store)
    service.store.claims.record(claim, Report(step=1, epoch=0, checkpoint=copies[0]))
    first = models.get(claim.run_id, 1)
    service.store.claims.record(claim, Report(step=1, epoch=0, checkpoint=copies[1]))
    assert models.get(claim.run_id, 1) is not first


def test_bytes_that_are_no_checkpoint_are_a_fault_of_ours(service: Installation) -> None:
    service.add_corpus()
    service.submit()
    claim = claimed(service.store)
    report = Report(step=1, epoch=1, checkpoint=b"not a checkpoint", next_state=State.SUCCEEDED)
    service.store.claims.record(claim, report)
    with pytest.raises(CorruptCheckpoint):
        ModelCache(service.store).get(claim.run_id, "latest")
    answer = service.client.post(f"/v1/runs/{claim.run_id}/generate", json={})
    problem(answer, 500, "corrupt-checkpoint")


def test_a_checkpoint_that_is_not_finite_is_refused_but_can_be_downloaded(
    service: Installation, copies: list[bytes]
) -> None:
    sound = Checkpoint.from_bytes(copies[0])
    sound.weights["bias_head"][-1] = np.inf
    claim, made = claimed(service.store), sound.to_bytes()
    service.store.claims.record(claim, Report(step=1, epoch=0, checkpoint=made, next_state=State.SUCCEEDED))
    path = f"/v1/runs/{claim.run_id}"
    bodies: dict[str, Any] = {"generate": {}, "score": {"texts": ["the "]}, "gates": {"text": "the "}}
    for of in bodies:
        answer = service.client.post(f"{path}/{of}", json=bodies[of])
        found = problem(answer, 409, "not-finite")
        assert "weights.bias_head of the checkpoint of step 1 is not finite" in found["detail"]
    answer = service.client.post("/v1/completions", json={"model": claim.run_id})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not-finite")
    for format in ("safetensors", "onnx", "torch", "numpy"):
        problem(service.client.get(f"{path}/export?format={format}"), 409, "not-finite")
    start = {"run": claim.run_id, "checkpoint": 1, "what": "weights"}
    [fault] = problem(service.client.post("/v1/jobs", json=SPEC | {"start": start}), 422, "invalid-spec")["problems"]
    assert fault["path"] == "start.checkpoint"
    assert "weights.bias_head of the checkpoint of step 1 is not finite" in fault["message"]
    assert service.client.get(f"{path}/checkpoints/1").content == made


def test_requests_at_once_get_the_right_texts(service: Installation) -> None:
    service.add_corpus()
    job = service.submit(SPEC | {"repeats": 3})["id"]
    service.work()
    runs = [run["id"] for run in service.runs(job)]

    def ask(number: int) -> Any:
        body = {"prompt": "the ", "max_tokens": 15, "seed": number % 4}
        return service.client.post(f"/v1/runs/{runs[number % 3]}/generate", json=body).json()

    numbers = [*range(12)] * 4
    alone = {number: ask(number) for number in numbers}
    assert len({answer["text"] for answer in alone.values()}) == 12
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, numbers)) == [alone[number] for number in numbers]
