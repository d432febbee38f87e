"""A backup made in the middle of a training, everything killed, restored elsewhere: runs finish as if undisturbed."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from client.api import Gatelab
from tests import servers
from tests.acceptance.embedded import embedded, launch
from tests.acceptance.stack import wait_until
from tests.acceptance.test_embedded import _processes_of
from tests.acceptance.test_main_job import LONG, check_results

LONGER = LONG | {"training": LONG["training"] | {"epochs": 160}}
"""To go on while a model is loaded and a backup is made."""


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)
def test_a_backup_of_a_running_training_finishes_elsewhere(
    tmp_path: Path, time_machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All checkpoints are files, so that the backup must take the right ones while they come and go.
    monkeypatch.setenv("GATELAB_INLINE_CHECKPOINT_BYTES", "0")
    data_dir, elsewhere, file = tmp_path / "data", tmp_path / "elsewhere", tmp_path / "backup.tar"
    launcher, url = launch(data_dir)
    with Gatelab(url) as client:
        client.add_corpus("time-machine", time_machine)
        job = client.submit(LONGER)
        [run] = client.runs(job=job.id)
        wait_until(lambda: client.run(run.id).step > 0, "the run has begun", 60)
        state = client.generate(run.id, "it has", max_tokens=1).checkpoint
        _gatelab("backup", str(file), "--data-dir", str(data_dir))
    launcher.send_signal(signal.SIGKILL)
    launcher.communicate(timeout=10)
    wait_until(lambda: not _processes_of(data_dir), "all its processes are gone", 10)
    shutil.rmtree(data_dir)

    _gatelab("restore", str(file), "--data-dir", str(elsewhere))
    with embedded(elsewhere) as url, Gatelab(url) as client:
        assert state is not None
        restored = client.run(run.id)
        assert restored.total_steps is not None
        assert 0 < state <= restored.step < restored.total_steps, "the backup was to be made in the middle"
        assert client.wait(job.id).state == "succeeded"
        check_results(client, client.run(run.id), time_machine)


def _gatelab(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "client.main", *arguments], check=True, timeout=60)
