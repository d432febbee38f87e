"""A checkpoint is looked up again as soon as another may be meant."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gatelab.errors import NoCheckpoint, NotFound
from gatelab.settings import Settings
from gatelab.store import CheckpointInfo, Claim, Report, State, Store
from service.generation.checkpoint_finder import CheckpointFinder
from service.short_reads import ShortReads
from tests.store.conftest import (
    claim,
    claimed,
    corpus,
    kind,
    migrated_postgres,
    migrated_sqlite,
    new_job,
    settings,
    store,
)
from tests.waiting import eventually

__all__ = ["claim", "corpus", "kind", "migrated_postgres", "migrated_sqlite", "new_job", "settings", "store"]


@pytest.fixture
def looks() -> list[object]:
    """The names that were looked up."""
    return []


@pytest.fixture
def find(store: Store, settings: Settings, looks: list[object], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Finds a checkpoint, as a request does."""
    really = type(store.checkpoints).find_lasting

    def look(here: Any, run: str, step: Any = "latest") -> tuple[CheckpointInfo, bool]:
        looks.append(step)
        return really(here, run, step)

    monkeypatch.setattr(type(store.checkpoints), "find_lasting", look)
    finder = CheckpointFinder(store, ShortReads(settings, store))
    eventually(lambda: store.changes.stamp() is not None, "the database reported changes")
    return lambda run, name: asyncio.run(finder.find(run, name))


def save(store: Store, claim: Claim, step: int, ended: State | None = None) -> None:
    saved = Report(step=step, epoch=1, checkpoint=bytes([step]), keep_checkpoints=2, next_state=ended)
    store.claims.record(claim, saved)


def test_a_new_checkpoint_is_found_at_once(store: Store, claim: Claim, find: Callable[..., Any]) -> None:
    with pytest.raises(NoCheckpoint):
        find(claim.run_id, "auto")
    for step in (1, 2, 3):
        save(store, claim, step)
        assert find(claim.run_id, "auto").step == find(claim.run_id, "latest").step == step
        assert find(claim.run_id, step).step == step


def test_while_nobody_writes_only_sqlite_saves_lookups_of_an_unfinished_run(
    store: Store, claim: Claim, find: Callable[..., Any], looks: list[object], kind: str
) -> None:
    save(store, claim, 1)
    for _ in range(3):
        for name in ("auto", "latest", 1):
            assert find(claim.run_id, name).step == 1
    once = ["auto", "latest", 1]
    assert looks == (once if kind == "sqlite" else 3 * once)


@pytest.mark.parametrize("ended", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
def test_a_finished_run_is_looked_up_once_until_it_is_deleted(
    store: Store, claim: Claim, find: Callable[..., Any], looks: list[object], ended: State
) -> None:
    save(store, claim, 1)
    assert find(claim.run_id, "auto").step == 1
    save(store, claim, 2, ended)
    looks.clear()
    for _ in range(3):
        for name in ("auto", "latest", 2):
            assert find(claim.run_id, name).step == 2
    assert looks == ["auto", "latest", 2]
    stamp = store.changes.stamp()
    store.jobs.delete(claim.job_id)
    eventually(lambda: store.changes.stamp() != stamp, "the deletion was reported")
    with pytest.raises(NotFound):
        find(claim.run_id, "auto")


def test_a_run_that_waits_to_be_resumed_is_looked_up_again(
    store: Store, claim: Claim, find: Callable[..., Any]
) -> None:
    store.jobs.pause(claim.job_id)
    save(store, claim, 1, State.PAUSED)
    assert find(claim.run_id, "latest").step == 1
    store.jobs.resume(claim.job_id)
    save(store, claimed(store), 2)
    assert find(claim.run_id, "latest").step == 2
