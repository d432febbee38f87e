"""`gatelab up` killed in the middle: nothing survives it, and the next one finishes what it began."""

import signal
import sys
from pathlib import Path

import pytest

from client.api import Gatelab
from tests import servers
from tests.acceptance.embedded import embedded, launch
from tests.acceptance.stack import wait_until
from tests.acceptance.test_main_job import LONG, LONG_STEPS, check_results


@pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)
def test_the_next_start_finishes_what_a_killed_one_began(tmp_path: Path, time_machine: str) -> None:
    data_dir = tmp_path / "data"
    launcher, url = launch(data_dir)
    with Gatelab(url) as client:
        client.add_corpus("time-machine", time_machine)
        job = client.submit(LONG)
        [run] = client.runs(job=job.id)
        wait_until(lambda: client.run(run.id).step > 0, "the run has begun", 60)
    launcher.send_signal(signal.SIGKILL)
    launcher.communicate(timeout=10)
    wait_until(lambda: not _processes_of(data_dir), "all its processes are gone", 10)

    with embedded(data_dir) as url, Gatelab(url) as client:
        assert 0 < client.run(run.id).step < LONG_STEPS, "the kill was to come in the middle"
        assert client.wait(job.id).state == "succeeded"
        check_results(client, client.run(run.id), time_machine)


def _processes_of(data_dir: Path) -> list[str]:
    """The command lines of living processes that were told of this data directory."""
    told = f"GATELAB_DATA_DIR={data_dir}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if told in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except (OSError, UnicodeDecodeError):
            continue
    return found
