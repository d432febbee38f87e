"""The whole embedded Gatelab: real service, real worker, real broker."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from client.api import Gatelab
from tests import servers
from tests.embedded.conftest import Launcher, alive, wait_until

Launch = Callable[..., Launcher]


def test_a_stop_ends_everything_and_what_was_added_is_kept(launch: Launch, folder: Path) -> None:
    launcher = launch()
    with Gatelab(launcher.url()) as gatelab:
        gatelab.add_corpus("book", "some text " * 100)
    family = launcher.family()
    kinds = ("valkey-server", "service.app", "-m worker")
    assert all(any(kind in command for command in family.values()) for kind in kinds), family

    assert launcher.stop() == 0
    assert launcher.close() == ""
    assert not [command for pid, command in family.items() if alive(pid)]
    assert (folder / "broker.sock").exists() is False
    assert {"service.log", "worker-1.log", "broker.log"} <= {file.name for file in (folder / "logs").iterdir()}

    again = launch()
    with Gatelab(again.url()) as gatelab:
        assert [corpus.name for corpus in gatelab.corpora()] == ["book"]


@pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)
def test_a_killed_launcher_leaves_no_orphan(launch: Launch) -> None:
    launcher = launch("--workers", "2")
    launcher.url()
    # Celery starts its child a moment after it is up.
    wait_until(lambda: sum("-m worker" in command for command in launcher.family().values()) == 4)
    family = launcher.family()
    launcher.stop(signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in family), seconds=2)

    assert launch().url()


def test_the_dead_are_started_again(launch: Launch) -> None:
    launcher = launch()
    with Gatelab(launcher.url()) as gatelab:
        before = launcher.family()
        for pid, command in before.items():
            if "service.app" in command or "valkey" in command:
                os.kill(pid, signal.SIGKILL)
        # The launcher keeps the port open meanwhile: the request waits for the new service.
        assert list(gatelab.corpora()) == []
        wait_until(lambda: any("valkey" in launcher.family()[pid] for pid in launcher.family().keys() - before.keys()))
    assert launcher.stop() == 0
    errors = launcher.close()
    assert "the service ended with code -9; starting it again in 0.5 s" in errors
    assert "the broker ended with code -9; starting it again in 0.5 s" in errors


def test_a_second_launcher_is_refused(launch: Launch, folder: Path) -> None:
    first = launch()
    first.url()
    second = launch()
    assert second.process.wait(30) == 1
    assert f"{folder} is in use by another Gatelab (process {first.process.pid})" in second.close()
    assert first.process.poll() is None


def test_the_end_of_standard_input_stops_it_where_asked(launch: Launch) -> None:
    launcher = launch("--stop-on-eof")
    launcher.url()
    assert launcher.process.stdin
    launcher.process.stdin.close()
    assert launcher.process.wait(30) == 0
    launcher.process.stdin = None


def test_a_port_in_use_is_refused_before_anything_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = launch_and_wait("--data-dir", str(folder / "new"), "--port", port)
    assert result.returncode == 1
    assert f"127.0.0.1:{port}: Address already in use; take another with --port" in result.stderr
    assert not (folder / "new").exists()


def test_a_service_that_does_not_start_is_shown_with_its_log(folder: Path) -> None:
    result = launch_and_wait(
        "--data-dir", str(folder), "--port", "0", GATELAB_DATABASE_URL="sqlite:////dev/null/gatelab.db"
    )
    assert result.returncode == 1
    assert "gatelab: the migrations did not start: it ended with code 1. The end of" in result.stderr
    assert "/dev/null" in result.stderr


def test_a_worker_that_does_not_come_up_is_shown_with_its_log(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "__init__.py").touch()
    (tmp_path / "worker" / "__main__.py").write_text("raise SystemExit('a package is missing')")
    result = launch_and_wait("--data-dir", str(folder), "--port", "0", PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert "gatelab: the worker-1 did not start: it ended with code 1. The end of" in result.stderr
    assert result.stderr.endswith("a package is missing\n")


def test_a_wrong_setting_is_named(folder: Path) -> None:
    result = launch_and_wait("--data-dir", str(folder), "--port", "0", GATELAB_LEASE_SECONDS="no")
    assert result.returncode == 1
    assert "GATELAB_LEASE_SECONDS: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("options", [["--port", "65536"], ["--port", "x"], ["--workers", "0"], ["--nonsense"]])
def test_wrong_usage_ends_with_2(options: list[str]) -> None:
    assert launch_and_wait(*options).returncode == 2


def test_a_data_directory_that_cannot_be_is_refused(folder: Path) -> None:
    (folder / "file").touch()
    result = launch_and_wait("--data-dir", str(folder / "file"), "--port", "0")
    assert result.returncode == 1
    assert "as the data directory" in result.stderr


def launch_and_wait(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "gatelab.embedded", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
