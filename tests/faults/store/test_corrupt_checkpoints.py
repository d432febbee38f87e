"""If bytes of a checkpoint change, the store uses the one before it, and the run says so."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select, update

from gatelab.errors import CorruptCheckpoint, LeaseLost
from gatelab.settings import Settings
from gatelab.store import State, Store
from gatelab.store.tables import checkpoints
from service.generation.model_cache import ModelCache
from tests.faults.store.checks import all_events, check_history
from tests.service.installation import client, problem
from tests.store.conftest import claimed, expire
from tests.worker.conftest import TEXT, assert_as_trained_in_one_go, at_call, queue, train_all, train_slice
from worker import cadence

Damage = Callable[[bytes], bytes]

DAMAGES: dict[str, Damage] = {
    "one-bit": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
    "torn": lambda data: data[: len(data) // 2],
    "zeroed": lambda data: bytes(len(data)),
    "empty": lambda data: data[:0],
    "longer": lambda data: data + b"\0",
}


@pytest.fixture(params=["row", "file"])
def settings(settings: Settings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A worker that saves a checkpoint after every step, in the database or in files."""
    monkeypatch.setattr(cadence, "CHECKPOINT_SHARE", 0)
    inline = 10**6 if request.param == "row" else 0
    changes = {"inline_checkpoint_bytes": inline, "checkpoint_seconds": 1e-9, "device": "cpu", "threads": 1}
    return settings.model_copy(update={**changes, "auth": False})


@pytest.fixture
def run(store: Store, settings: Settings) -> str:
    """A run that has been evaluated and that its worker left after step 6, with its last three checkpoints."""
    store.corpora.add("wells", TEXT)
    queue(store)
    train_slice(store, settings, at_call(8, lambda: True))
    [run] = store.runs.list().items
    assert [info.step for info in store.checkpoints.list(run.id)] == [4, 5, 6]
    return run.id


def damage(store: Store, settings: Settings, run_id: str, steps: Sequence[int], how: Damage) -> None:
    """Change the bytes of these checkpoints, wherever they are stored."""
    of_run = checkpoints.c.run_id == run_id
    with store.database.write() as connection:
        for row in connection.execute(select(checkpoints).where(of_run, checkpoints.c.step.in_(steps))).all():
            if row.data is not None:
                changed = update(checkpoints).where(of_run, checkpoints.c.step == row.step).values(data=how(row.data))
                connection.execute(changed)
                continue
            [file] = Path(settings.blob_dir, run_id).glob(f"*-{row.step}-*")
            file.write_bytes(how(file.read_bytes()))


def told(store: Store, run_id: str) -> list[tuple[int, int]]:
    """The run's events about corrupt checkpoints: the step of each, and the step from which the run resumed."""
    events = all_events(store, store.runs.get(run_id).job_id)
    found = [event for event in events if event.type == "checkpoint_corrupt"]
    assert {event.run_id for event in found} <= {run_id}
    return [(event.data["step"], event.data["resumed_from"]) for event in found]


def test_every_damage_is_noticed(store: Store, settings: Settings, run: str) -> None:
    data = store.checkpoints.get(run, 6).data
    for how in DAMAGES.values():
        damage(store, settings, run, [6], how)
        with pytest.raises(CorruptCheckpoint, match="checkpoint 6 of run"):
            store.checkpoints.get(run, 6)
        damage(store, settings, run, [6], lambda _: data)
    assert store.checkpoints.get(run, 6).data == data


def test_a_run_goes_on_from_the_checkpoint_before(store: Store, settings: Settings, run: str) -> None:
    damage(store, settings, run, [6], DAMAGES["one-bit"])
    train_all(store, settings)
    assert told(store, run) == [(6, 5)]
    assert_as_trained_in_one_go(store, run)
    check_history(store, store.runs.get(run).job_id)


@pytest.mark.parametrize(("steps", "expected"), [([5, 6], [(6, 5), (5, 4)]), ([4, 5, 6], [(6, 5), (5, 4), (4, 0)])])
def test_the_newest_intact_one_serves_else_the_start(
    store: Store, settings: Settings, run: str, steps: list[int], expected: list[tuple[int, int]]
) -> None:
    damage(store, settings, run, steps, DAMAGES["torn"])
    train_all(store, settings)
    assert told(store, run) == expected
    assert_as_trained_in_one_go(store, run)


def test_an_older_corrupt_one_disturbs_nobody(store: Store, settings: Settings, run: str) -> None:
    damage(store, settings, run, [4, 5], DAMAGES["torn"])
    train_all(store, settings)
    assert told(store, run) == []
    assert_as_trained_in_one_go(store, run)


def test_falling_back_shows_and_takes_nothing_else_away(store: Store, settings: Settings, run: str) -> None:
    damage(store, settings, run, [6], DAMAGES["torn"])
    before = store.runs.get(run)
    assert (before.step, before.weights_sha256 is None) == (6, False)
    claim = store.claims.fall_back(claimed(store))
    after = store.runs.get(run)
    assert (claim.step, claim.epoch, after.step, after.epoch) == (5, 1, 5, 1)
    assert after.weights_sha256 is None, "those weights are lost"
    assert [info.step for info in store.checkpoints.list(run)] == [4, 5]
    assert len(store.metrics.list(run)) == len(store.samples.list(run)) == 1


def test_a_zombie_gives_up_no_checkpoint(store: Store, settings: Settings, run: str) -> None:
    zombie = claimed(store)
    expire(store, run)
    store.reaper.reap()
    with pytest.raises(LeaseLost):
        store.claims.fall_back(zombie)
    assert [info.step for info in store.checkpoints.list(run)] == [4, 5, 6]
    assert told(store, run) == []


def test_text_comes_from_the_newest_intact_one(store: Store, settings: Settings, run: str) -> None:
    models = ModelCache(store)
    damage(store, settings, run, [5, 6], DAMAGES["one-bit"])
    assert models.get(run, "latest").step == 4
    assert models.get(run, "latest") is models.get(run, 4), "it is loaded once"
    with pytest.raises(CorruptCheckpoint, match="checkpoint 5 of run"):
        models.get(run, 5)
    damage(store, settings, run, [4], DAMAGES["one-bit"])
    with pytest.raises(CorruptCheckpoint, match="checkpoint 6 of run"):
        ModelCache(store).get(run, "latest")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_corrupt_one_that_is_asked_for_by_name_is_a_problem(store: Store, settings: Settings, run: str) -> None:
    damage(store, settings, run, [6], DAMAGES["torn"])
    with client(settings) as http:
        for answer in (
            http.get(f"/v1/runs/{run}/checkpoints/6"),
            http.post(f"/v1/runs/{run}/generate", json={"checkpoint": 6}),
        ):
            assert "checkpoint 6" in problem(answer, 500, "corrupt-checkpoint")["detail"]
        answer = http.post(f"/v1/runs/{run}/generate", json={"max_tokens": 5, "checkpoint": "latest"})
        assert (answer.status_code, answer.json()["checkpoint"]) == (200, 5)


def test_a_run_that_has_ended_keeps_what_is_left(store: Store, settings: Settings, run: str) -> None:
    train_all(store, settings)
    last = store.runs.get(run).step
    damage(store, settings, run, [last], DAMAGES["zeroed"])
    assert ModelCache(store).get(run, "latest").step < last
    assert store.runs.get(run).state is State.SUCCEEDED
