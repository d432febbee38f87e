"""When a service is asked to stop, it ends its open streams and then itself."""

import os
import signal
import sys
from pathlib import Path

import httpx2
import pytest

from tests.databases import migrate
from tests.processes import free_port, is_ready, read_log, running, wait_until
from tests.service.installation import SPEC, TEXT, settings_in
from tests.service.sse import parse

PATIENCE = 30
"""Seconds. uvicorn would wait for an hour, so a stream that does not end on its own fails the test."""


@pytest.mark.parametrize("asked_by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_service_with_an_open_stream(asked_by: signal.Signals, tmp_path: Path) -> None:
    migrate(settings_in(tmp_path))
    url = f"http://127.0.0.1:{(port := free_port())}"
    environment = os.environ | {
        "GATELAB_DATA_DIR": str(tmp_path),
        "GATELAB_BROKER_URL": "memory://",
        "GATELAB_AUTH": "no",
    }
    command = [sys.executable, "-m", "service", f"--port={port}"]
    command.append("--timeout-graceful-shutdown=3600")
    with running(command, tmp_path, environment=environment) as process:
        wait_until(lambda: is_ready(url), process, tmp_path)
        with httpx2.Client(base_url=url, timeout=PATIENCE) as http:
            http.post("/v1/corpora", json={"name": "wells", "text": TEXT}).raise_for_status()
            job = http.post("/v1/jobs", json=SPEC).raise_for_status().json()["id"]
            with http.stream("GET", f"/v1/jobs/{job}/events") as stream:
                events = parse(stream.iter_lines())
                assert next(events).name == "job_created"
                process.send_signal(asked_by)
                assert list(events) == []
        status = process.wait(timeout=PATIENCE)
        # uvicorn sends itself the signal again once everything has ended gracefully.
        assert status in (0, -asked_by), read_log(tmp_path)
        assert "Application shutdown complete" in read_log(tmp_path)
        assert "Traceback" not in read_log(tmp_path).replace("KeyboardInterrupt", "")
