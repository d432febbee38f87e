"""A store with a run to train, and the results of training it without a worker."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from gatelab.checkpoint import Checkpoint
from gatelab.settings import Settings
from gatelab.specs import JobSpec, RunSpec, parse
from gatelab.store import Claim, Store
from gatelab.sweeps import expand
from gatelab.text import Corpus
from gatelab.training import Evaluated, train
from tests import servers
from tests.databases import migrate
from tests.store.conftest import claimed, expire
from worker.slice import Slice

TEXT = "the time machine, by h. g. wells. the time traveller was expounding a recondite matter to us. " * 4

TRAINING: dict[str, Any] = {
    "num_steps": 8,
    "batch_size": 12,
    "optimizer": {"kind": "adam", "lr": 0.05},
    "epochs": 3,
    "sample": {"prefix": "the ", "characters": 8},
}

SPEC: dict[str, Any] = {"corpus": "wells", "model": {"cell": {"kind": "gru", "hidden": 5}}, "training": TRAINING}
"""A job of one run: 12 steps in 3 epochs."""

STEPS = 12

both_databases = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database: SQLite, unless `both_databases` is used."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{tmp_path}/gatelab.db"
    else:
        with servers.postgres_database(request.getfixturevalue("postgres_server")) as url:
            yield url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return worker_settings(database_url, tmp_path)


def worker_settings(database_url: str, folder: Path, **changes: Any) -> Settings:
    """Settings of a worker that neither saves a checkpoint nor ends its slice before its run has ended."""
    defaults: dict[str, Any] = {
        "database_url": SecretStr(database_url),
        "data_dir": folder,
        "device": "cpu",
        "threads": 1,
        "slice_seconds": 3600,
        "checkpoint_seconds": 3600,
    }
    return Settings(**defaults | changes)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    migrate(settings)
    with Store(settings) as store:
        store.corpora.add("wells", TEXT)
        yield store


def queue(store: Store, spec: dict[str, Any] = SPEC, **training: Any) -> str:
    """Queue the runs of `spec` with some of its training fields changed. Returns the job's id."""
    job = parse(JobSpec, spec | {"training": spec["training"] | training})
    return store.jobs.create(job, store.corpora.get("wells").id, expand(job, 100)).id


def only_run(store: Store) -> str:
    [run] = store.runs.list().items
    return run.id


def never() -> bool:
    return False


def train_slice(
    store: Store, settings: Settings, stopping: Callable[[], bool] = never, claim: Claim | None = None
) -> Claim:
    """Train one slice of a claim, by default that of the run that has waited longest."""
    claim = claim or claimed(store)
    Slice(store, settings, claim, stopping).run()
    return claim


def train_all(store: Store, settings: Settings) -> int:
    """Train until nothing is queued. Returns the number of slices."""
    slices = 0
    while claim := store.claims.claim("worker"):
        Slice(store, settings, claim, never).run()
        slices += 1
    return slices


def take_away(store: Store, run_id: str) -> Claim:
    """Make the lease of a run expire, and let another worker take the run."""
    expire(store, run_id)
    assert store.reaper.reap() == [run_id]
    other = claimed(store, "other")
    assert other.run_id == run_id
    return other


def at_call(number: int, action: Callable[[], object]) -> Callable[[], bool]:
    """A `stopping` that calls a function the nth time that it is called, and returns its result."""
    calls = iter(range(1, 1_000_000))
    return lambda: next(calls) == number and bool(action())


def evaluations(spec: RunSpec) -> list[Evaluated]:
    """The results of training without a worker. The last one has the final checkpoint."""
    events = train(spec, Corpus("wells", TEXT), threads=1)
    return [event for event in events if isinstance(event, Evaluated)]


def assert_as_trained_in_one_go(store: Store, run_id: str) -> None:
    """Check that the run has succeeded with stored results bitwise identical to training without a worker."""
    run = store.runs.get(run_id)
    assert run.state == "succeeded", run.error
    expected = evaluations(run.spec)
    assert [
        (row.step, row.epoch, row.tokens, row.train_loss, row.validation_loss, row.bits_per_character)
        for row in store.metrics.list(run_id)
    ] == [
        (e.position.step, e.position.epoch, e.position.tokens, e.train_loss, e.validation_loss, e.bits_per_character)
        for e in expected
    ]
    assert [row.test_loss for row in store.metrics.list(run_id)] == [event.test_loss for event in expected]
    assert [row.text for row in store.samples.list(run_id)] == [event.sample for event in expected]
    assert_same_weights(Checkpoint.from_bytes(store.checkpoints.get(run_id).data), expected[-1].checkpoint())


def assert_same_weights(found: Checkpoint, expected: Checkpoint) -> None:
    for ours, theirs in ((found.weights, expected.weights), (found.optimizer, expected.optimizer)):
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
