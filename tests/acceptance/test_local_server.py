"""`gatelab up`: the walk-through of the API runs on it, and killing it in the middle of a training loses nothing."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import update

from gatelab.checkpoint import Checkpoint
from gatelab.client.api import Gatelab
from gatelab.settings import Settings
from gatelab.store import State, Store
from gatelab.store.backup.making import make
from gatelab.store.backup.restoring import restore
from gatelab.store.tables import runs
from tests import servers
from tests.acceptance.jobs import DAWDLING, INTERRUPTED_STEPS, begin, check_results
from tests.acceptance.local_server import Up
from tests.waiting import eventually
from tests.worker.conftest import train_all, worker_settings

WALK_THROUGH = (Path(__file__).parents[2] / "docs" / "guides" / "http.md").read_text(encoding="utf-8")

only_linux = pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)


@dataclass(frozen=True)
class Interrupted:
    """A run that was being trained when its installation was killed, and a backup made just before."""

    data_dir: Path
    job: str
    run: str
    backup: Path


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory, time_machine: str) -> Interrupted:
    folder = tmp_path_factory.mktemp("embedded")
    # All checkpoints are files, so that the backup must take the right ones while they come and go.
    up = Up(folder / "data", DAWDLING | {"GATELAB_INLINE_CHECKPOINT_BYTES": "0"})
    with Gatelab(up.url) as client:
        job, run = begin(client, time_machine)
        make(Settings(data_dir=up.data_dir), folder / "backup.tar")
    up.end(signal.SIGKILL)
    eventually(lambda: not up.processes(), "all its processes are gone")
    check_the_database_is_midway(up.data_dir, run)
    return Interrupted(up.data_dir, job, run, folder / "backup.tar")


def check_the_database_is_midway(data_dir: Path, run: str) -> None:
    with Store(Settings(data_dir=data_dir)) as store:
        assert 0 < store.runs.get(run).step < INTERRUPTED_STEPS, "the end was to come in the middle"


@pytest.fixture(scope="module")
def up(interrupted: Interrupted) -> Iterator[Up]:
    """The next `gatelab up` on the data of the killed one."""
    up = Up(interrupted.data_dir)
    try:
        yield up
    finally:
        up.stop()


@only_linux
def test_the_next_start_finishes_what_a_killed_one_began(up: Up, interrupted: Interrupted, time_machine: str) -> None:
    with Gatelab(up.url) as client:
        assert client.wait(interrupted.job).state == "succeeded"
        check_results(client, client.run(interrupted.run), time_machine)


@only_linux
def test_a_backup_of_a_running_training_is_finished_elsewhere(up: Up, interrupted: Interrupted, tmp_path: Path) -> None:
    restore(interrupted.backup, tmp_path / "elsewhere")
    here = worker_settings(f"sqlite:///{tmp_path}/elsewhere/gatelab.db", tmp_path / "elsewhere")
    with Store(here) as store, Gatelab(up.url) as client:
        check_the_database_is_midway(here.data_dir, interrupted.run)
        with store.database.write() as connection:
            connection.execute(update(runs).where(runs.c.state == State.RUNNING).values(lease_until=0.0))
        store.reaper.reap()
        train_all(store, here)
        restored, expected = store.runs.get(interrupted.run), client.run(interrupted.run)
        assert (restored.state, restored.step) == (State.SUCCEEDED, expected.step)
        losses = [(row.step, row.train_loss, row.validation_loss) for row in store.metrics.list(interrupted.run)]
        assert losses == [(row.step, row.train_loss, row.validation_loss) for row in client.metrics(interrupted.run)]
        [*_, last] = client.checkpoints(interrupted.run)
        found, other = (
            Checkpoint.from_bytes(data).weights_sha256()
            for data in (
                store.checkpoints.get(interrupted.run).data,
                client.download_checkpoint(interrupted.run, last.step),
            )
        )
        assert found == other


@pytest.mark.long
def test_the_walk_through_of_the_guide_runs(up: Up, tmp_path: Path) -> None:
    [script] = re.findall(r"```bash\n(.*?)```", WALK_THROUGH, re.DOTALL)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "GATELAB_URL": up.url, "GATELAB_DATA_DIR": str(up.data_dir)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with Gatelab(up.url) as client:
        job = next(job for job in client.jobs() if job.spec["corpus"] == "python-help")
        first, second = client.runs(job=job.id)
        assert {first.state, second.state} == {"succeeded"}
        expected = client.generate(first.id, "The ", max_tokens=80, temperature=0.7, seed=1)
        assert expected.text in done.stdout
    assert "event: job_finished" in done.stdout
    assert "event: done" in done.stdout
    assert (tmp_path / "model.safetensors").stat().st_size > 0
