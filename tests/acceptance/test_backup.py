"""A backup made in the middle of a training, everything killed, restored elsewhere: runs finish as if undisturbed."""

import shutil
import signal
import sys
from pathlib import Path

import pytest

from client.api import Gatelab
from gatelab.settings import Settings
from gatelab.store.backup.making import make
from gatelab.store.backup.restoring import restore
from tests import servers
from tests.acceptance.embedded import embedded, launch
from tests.acceptance.stack import wait_until
from tests.acceptance.test_embedded import _processes_of
from tests.acceptance.test_main_job import LONG, check_results


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
        job = client.submit(LONG)
        [run] = client.runs(job=job.id)
        wait_until(lambda: client.run(run.id).step > 0, "the run has begun", 60)
        seen = client.run(run.id).step
        make(Settings(data_dir=data_dir), file)
    launcher.send_signal(signal.SIGKILL)
    launcher.communicate(timeout=10)
    wait_until(lambda: not _processes_of(data_dir), "all its processes are gone", 10)
    shutil.rmtree(data_dir)

    restore(file, elsewhere)
    with embedded(elsewhere) as url, Gatelab(url) as client:
        restored = client.run(run.id)
        assert restored.total_steps is not None
        assert 0 < seen <= restored.step < restored.total_steps, "the backup was to be made in the middle"
        assert client.wait(job.id).state == "succeeded"
        check_results(client, client.run(run.id), time_machine)
