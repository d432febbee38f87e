"""Real worker processes on a real broker are started, killed and stopped, and every run finishes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from gatelab.settings import Settings
from gatelab.store import Run, State, Store
from service.jobs.wakeups import Wakeups
from tests import servers
from tests.databases import migrate
from tests.processes import free_port, read_log, running
from tests.waiting import PATIENCE, eventually
from tests.worker.conftest import SPEC, TEXT, assert_as_trained_in_one_go, only_run, queue, train_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)

HASTE = {"LEASE_SECONDS": 3, "HEARTBEAT_SECONDS": 1, "REAPER_SECONDS": 0.5, "CHECKPOINT_SECONDS": 0.05, "THREADS": 1}
NEVER = 3600
LONG: dict[str, Any] = {"epochs": 600}
"""A job of 2400 steps, which takes more than a second with the fastest engine, so that a test can interrupt it."""
ENDLESS: dict[str, Any] = {"epochs": 100_000}


class Workers:
    """Worker processes that share a database and a queue of their own."""

    def __init__(self, folder: Path, broker_url: str) -> None:
        self.folder, self.broker_url = folder, broker_url
        self.queue = f"gatelab-test-{uuid4().hex[:12]}"
        self.settings = Settings.model_validate(self._options() | {"data_dir": folder, "threads": 1})

    def _options(self) -> dict[str, Any]:
        return {"database_url": self._database(), "broker_url": self.broker_url, "queue": self.queue}

    def _database(self) -> str:
        return f"sqlite:///{self.folder}/gatelab.db"

    def start(
        self, *, poll: float = NEVER, program: str = "worker", **more: float
    ) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """One worker. It checks the database only when woken, unless it polls."""
        options = self._options() | HASTE | {"DATA_DIR": self.folder, "POLL_SECONDS": poll, "REWAKE_SECONDS": NEVER}
        environment = {f"GATELAB_{name}".upper(): str(value) for name, value in (options | more).items()}
        return running([sys.executable, "-m", program], self.folder, environment=os.environ | environment)

    def wake(self) -> None:
        wakeups = Wakeups(self.settings)
        wakeups.send()
        wakeups.close()


@pytest.fixture
def workers(tmp_path: Path, redis_url: str) -> Iterator[Workers]:
    workers = Workers(tmp_path, redis_url)
    yield workers
    with Redis.from_url(redis_url) as redis:
        redis.delete(workers.queue, *redis.keys(f"_kombu.binding*{workers.queue}"))


@pytest.fixture
def store(workers: Workers) -> Iterator[Store]:
    yield from a_store(workers)


def a_store(workers: Workers) -> Iterator[Store]:
    migrate(workers.settings)
    with Store(workers.settings) as store:
        store.corpora.add("wells", TEXT)
        yield store


def wait_for(store: Store, run_id: str, workers: Workers, *states: State, step: int = 0) -> Run:
    """The run, once it is in one of these states and has a checkpoint at or after `step`."""

    seen: list[Run] = []

    def there() -> bool:
        seen[:] = [store.runs.get(run_id)]
        return seen[0].state in states and seen[0].step >= step

    try:
        eventually(there, f"the run was {' or '.join(states)}")
    except AssertionError as error:
        raise AssertionError(f"{error}; the run is {seen[0]}\n{read_log(workers.folder)}") from None
    return seen[0]


def child_of(run: Run) -> int:
    """The process that trains a run."""
    assert run.owner is not None
    return int(run.owner.rpartition(":")[2])


def has_died(process: int) -> bool:
    """Whether a process is gone, or a zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def uses_torch(process: int) -> bool:
    return "libtorch" in Path(f"/proc/{process}/maps").read_text()


def test_a_wake_up_starts_training_in_a_child_that_needs_no_pytorch(store: Store, workers: Workers) -> None:
    """No worker polls. In the end the worker is stopped, and leaves its run to others."""
    queue(store, **LONG)
    run_id = only_run(store)
    with workers.start(SLICE_SECONDS=0.000001) as parent:
        workers.wake()
        run = wait_for(store, run_id, workers, State.RUNNING, step=1)
        assert child_of(run) != parent.pid
        assert not any(map(uses_torch, (child_of(run), parent.pid)))
        parent.terminate()
        assert parent.wait(PATIENCE) == 0, read_log(workers.folder)
    left = store.runs.get(run_id)
    assert (left.state, left.owner) == (State.QUEUED, None), read_log(workers.folder)
    assert store.checkpoints.find(run_id).step == left.step
    train_all(store, workers.settings)
    assert_as_trained_in_one_go(store, run_id)


def test_a_worker_without_a_broker_finds_its_work_and_takes_its_child_along(tmp_path: Path) -> None:
    workers = Workers(tmp_path, f"redis://127.0.0.1:{free_port()}/0")
    for store in a_store(workers):
        queue(store)
        with workers.start(poll=0.2) as parent:
            wait_for(store, only_run(store), workers, State.SUCCEEDED)
            assert_as_trained_in_one_go(store, only_run(store))
            job = queue(store, **ENDLESS)
            [run] = store.runs.list(job_id=job).items
            child = child_of(wait_for(store, run.id, workers, State.RUNNING, step=1))
            assert not has_died(child)
            parent.kill()
            eventually(partial(has_died, child), "the child has died")


def test_a_pack_is_finished_though_its_child_is_killed(store: Store, workers: Workers) -> None:
    """No worker polls: the next child's reaper recovers the runs and sends wake-ups.

    Each resumes from its own checkpoint, alone at first, and ends with its usual results.
    """
    queue(store, SPEC | {"repeats": 2}, **LONG)
    runs = store.runs.list().items
    with workers.start(program="tests.worker.packing_worker") as parent:
        workers.wake()
        [child] = {child_of(wait_for(store, run.id, workers, State.RUNNING, step=1)) for run in runs}
        os.kill(child, signal.SIGKILL)
        for run in runs:
            done = wait_for(store, run.id, workers, State.SUCCEEDED)
            assert done.attempt >= 2
        assert parent.poll() is None
    for run in runs:
        assert_as_trained_in_one_go(store, run.id)
