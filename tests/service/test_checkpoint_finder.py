"""A checkpoint is looked up again as soon as another may be meant."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gatelab.errors import NoCheckpoint
from gatelab.settings import Settings
from gatelab.store import CheckpointInfo, Claim, Report, Store
from service.generation.checkpoint_finder import CheckpointFinder
from service.short_reads import ShortReads
from tests.store.conftest import (
    claim,
    corpus,
    kind,
    migrated_postgres,
    migrated_sqlite,
    new_job,
    settings,
    store,
)

__all__ = ["claim", "corpus", "kind", "migrated_postgres", "migrated_sqlite", "new_job", "settings", "store"]


@pytest.fixture
def looks() -> list[object]:
    """The names that were looked up."""
    return []


@pytest.fixture
def find(store: Store, settings: Settings, looks: list[object], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Finds a checkpoint, as a request does."""
    really = type(store.checkpoints).find

    def look(here: Any, run: str, step: Any = "latest") -> CheckpointInfo:
        looks.append(step)
        return really(here, run, step)

    monkeypatch.setattr(type(store.checkpoints), "find", look)
    finder = CheckpointFinder(store, ShortReads(settings, store))
    return lambda run, name: asyncio.run(finder.find(run, name))


def save(store: Store, claim: Claim, step: int) -> None:
    store.claims.record(claim, Report(step=step, epoch=1, checkpoint=bytes([step]), keep_checkpoints=2))


def test_a_new_checkpoint_is_found_at_once(store: Store, claim: Claim, find: Callable[..., Any]) -> None:
    with pytest.raises(NoCheckpoint):
        find(claim.run_id, "auto")
    for step in (1, 2, 3):
        save(store, claim, step)
        assert find(claim.run_id, "auto").step == find(claim.run_id, "latest").step == step
        assert find(claim.run_id, step).step == step


def test_only_sqlite_spares_looks_while_nobody_writes(
    store: Store, claim: Claim, find: Callable[..., Any], looks: list[object], kind: str
) -> None:
    save(store, claim, 1)
    for _ in range(3):
        for name in ("auto", "latest", 1):
            assert find(claim.run_id, name).step == 1
    once = ["auto", "latest", 1]
    assert looks == (once if kind == "sqlite" else 3 * once)
