"""A run whose cell has no code yet waits for a compiler, and says so in an event of its job."""

from pathlib import Path

import pytest

from gatelab.equations import read
from gatelab.scan.native import build, compile
from gatelab.settings import Settings
from gatelab.store import Event, Store
from gatelab.wire.events import CellCompiled
from tests.events import events_of
from tests.worker.conftest import SPEC, only_run, queue, train_all

EQUATIONS = "keep = sigmoid(W_k @ x + b_k)\nh' = keep * h + 0.375 * tanh(W @ x + h / 2)"
OWN = SPEC | {"model": {"cell": {"kind": "equations", "hidden": 5, "equations": EQUATIONS}}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and a process that has compiled nothing. Less optimized code is faster to compile."""
    monkeypatch.setenv("GATELAB_CELL_CACHE", str(tmp_path / "cells"))
    monkeypatch.setattr(compile, "_loaded", {})
    monkeypatch.setattr(build, "CELL_LEVEL", "-O0")
    return tmp_path / "cells"


def compilings(store: Store, job: str) -> list[Event]:
    return [event for event in events_of(store, job) if event.type == "compiling"]


def test_the_first_run_of_a_cell_says_that_it_was_compiled(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = queue(store, OWN)
    train_all(store, settings)
    [event] = compilings(store, first)
    assert isinstance(event.told, CellCompiled)
    assert (event.told.digest, event.told.precision) == (read(EQUATIONS).digest, "fp32")
    assert event.told.seconds > 0
    run = store.runs.get(only_run(store))
    assert (event.run_id, run.engine, run.state) == (run.id, "native", "succeeded")
    for forgotten in (False, True):
        if forgotten:
            monkeypatch.setattr(compile, "_loaded", {})  # another process: it finds the code in the folder
        again = queue(store, OWN, seed=5 + forgotten)
        train_all(store, settings)
        assert compilings(store, again) == []


def test_a_classic_cell_is_not_compiled(store: Store, settings: Settings, folder: Path) -> None:
    job = queue(store)
    train_all(store, settings)
    assert compilings(store, job) == []
    assert not folder.exists()
