"""Repeated refusals leave a bounded number of lines in the log, and one that counts the others."""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi.testclient import TestClient

from gatelab import logs
from gatelab.log_limits import MOST_LINES, SECONDS, LineLimit
from service.app import create_app
from tests.processes import free_port, running, wait_until
from tests.service.installation import SERVER, installation, settings_in
from tests.waiting import PATIENCE

Lines = Callable[[], list[Any]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of the limit in seconds, its last item."""
    times = [0.0]
    monkeypatch.setattr(logs, "LineLimit", lambda: LineLimit(lambda: times[-1]))
    return times


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], clock: list[float]) -> Callable[[], Lines]:
    """Starts logging JSON to the test's own standard error. Returns a function that reads the lines since then."""

    def begin() -> Lines:
        logs.configure(as_json=True)
        return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    return begin


def test_a_refusal_that_repeats_is_counted(
    tmp_path: Path, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with installation(tmp_path):
        http = TestClient(create_app(settings_in(tmp_path, log_json=True)), base_url=SERVER)
    for _ in range(MOST_LINES + 40):
        http.get("/nowhere")
        http.get("/v1/jobs")
    written = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert sum(line["status"] == 404 for line in written) == MOST_LINES
    assert sum(line["status"] == 200 for line in written) == MOST_LINES + 40, "what is answered has its line"
    clock.append(SECONDS)
    http.get("/nowhere")
    counted, last = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (counted["event"], counted["count"], counted["lines"]) == ("lines left out", 40, "request unknown 404")
    assert (last["event"], last["status"]) == ("request", 404)


def test_a_warning_that_repeats_is_counted(lines: Callable[[], Lines], clock: list[float]) -> None:
    told, log = lines(), structlog.get_logger()
    for number in range(MOST_LINES + 5):
        log.warning("the broker is away", number=number)
        log.info("training", number=number)
    log.warning("another")
    events = [line["event"] for line in told()]
    assert events.count("the broker is away") == MOST_LINES
    assert events.count("training") == MOST_LINES + 5
    assert events.count("another") == 1
    clock.append(SECONDS)
    log.warning("the broker is away")
    counted, last = told()
    assert (counted["lines"], counted["count"], last["event"]) == ("the broker is away", 5, "the broker is away")


def test_a_period_without_repetition_says_nothing(lines: Callable[[], Lines], clock: list[float]) -> None:
    told = lines()
    for _ in range(3):
        structlog.get_logger().warning("again")
        clock.append(clock[-1] + SECONDS)
    assert [line["event"] for line in told()] == ["again"] * 3


def test_other_kinds_say_what_was_left_out(lines: Callable[[], Lines], clock: list[float]) -> None:
    told = lines()
    for _ in range(MOST_LINES + 1):
        logs.may_repeat("one")
    clock.append(SECONDS)
    assert logs.may_repeat("two")
    assert [(line["lines"], line["count"]) for line in told()] == [("one", 1)]


def test_bytes_that_are_no_request_leave_few_lines(tmp_path: Path) -> None:
    with installation(tmp_path):
        pass
    port, told = free_port(), {"GATELAB_DATA_DIR": str(tmp_path), "GATELAB_LOG_JSON": "true"}
    (folder := tmp_path / "logs").mkdir()
    command = [sys.executable, "-m", "service", f"--port={port}"]
    with running(command, folder, environment=os.environ | told) as process:
        wait_until(lambda: refused(port), process, folder)
        for _ in range(MOST_LINES + 20):
            assert refused(port)
    found = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    assert [line["level"] for line in found].count("warning") == MOST_LINES


def refused(port: int) -> bool:
    """Whether the service answers 400 to invalid HTTP."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 400")
    except ConnectionRefusedError:
        return False
