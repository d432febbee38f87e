"""Several processes of one service, which combine their metrics if configured to do so."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.faults.installation import children_of
from tests.processes import free_port, is_ready, running, wait_until
from tests.service.installation import installation
from tests.telemetry.exposed import Exposed
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.long

EVENTS = "/v1/jobs/{job}/events"


@contextmanager
def two_processes(folder: Path) -> Iterator[tuple[str, int]]:
    """The address of a service of two processes on the database in `folder`, and its parent."""
    (numbers := folder / "numbers").mkdir()
    told = {"GATELAB_DATA_DIR": str(folder), "PROMETHEUS_MULTIPROC_DIR": str(numbers), "GATELAB_AUTH": "no"}
    port = free_port()
    command = [sys.executable, "-m", "service", f"--port={port}", "--workers=2"]
    with running(command, folder, environment=os.environ | told) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(url), process, folder)
        yield url, process.pid


def scrape(url: str) -> Exposed:
    return Exposed(httpx2.get(url + "/metrics", timeout=PATIENCE).text)


@pytest.fixture
def job(tmp_path: Path) -> str:
    with installation(tmp_path) as made:
        made.add_corpus()
        return str(made.submit()["id"])


def test_a_scrape_of_any_sees_what_all_have_counted(tmp_path: Path, job: str) -> None:
    with two_processes(tmp_path) as (url, _):
        for _ in range(40):  # each on a connection of its own: whichever process accepts it
            assert httpx2.get(url + "/v1/runs/none", timeout=PATIENCE).status_code == 404
        seen = [scrape(url) for _ in range(10)]
    for found in seen:
        assert found.value("gatelab_http_requests_total", method="GET", route="/v1/runs/{run}", status="404") == 40
        assert found.value("gatelab_runs", state="queued") == 1


def test_the_streams_of_a_process_that_was_killed_are_no_longer_open(tmp_path: Path, job: str) -> None:
    with two_processes(tmp_path) as (url, parent), httpx2.Client(base_url=url, timeout=PATIENCE) as http:
        with http.stream("GET", f"/v1/jobs/{job}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: job_created"
            assert scrape(url).value("gatelab_event_streams", route=EVENTS) == 1
            for child in children_of(parent):
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(child, signal.SIGKILL)
        eventually(lambda: is_ready(url), "uvicorn has started others")
        # A process counts as alive until its parent notices its death, which uvicorn does one by one.
        eventually(lambda: scrape(url).value("gatelab_event_streams", route=EVENTS) == 0, "no stream is open")
