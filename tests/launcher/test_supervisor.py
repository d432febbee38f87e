"""The whole embedded Gatelab: real service, real worker, real broker."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
import pytest

from gatelab.client.api import Gatelab
from gatelab.settings import KEY_FILE
from tests import servers
from tests.launcher.conftest import Launcher, alive
from tests.processes import temporary_folder
from tests.waiting import PATIENCE, eventually


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The data directory that the launchers of this module share. Its path is short enough for a socket."""
    with temporary_folder() as path:
        yield path


@pytest.fixture(scope="module")
def launcher(folder: Path) -> Iterator[Launcher]:
    """A launcher with two workers, which the last test that uses it kills."""
    launcher = Launcher(folder, "--workers", "2")
    assert launcher.url
    yield launcher
    launcher.close()


def test_the_dead_are_started_again(launcher: Launcher) -> None:
    with Gatelab(launcher.url) as gatelab:
        gatelab.add_corpus("book", "some text " * 100)
        before = launcher.family()
        for pid, command in before.items():
            if "service.app" in command or "valkey" in command:
                os.kill(pid, signal.SIGKILL)
        # The launcher keeps the port open meanwhile: the request waits for the new service.
        assert [corpus.name for corpus in gatelab.corpora()] == ["book"]
        eventually(lambda: has_a_new("valkey", launcher, before), "another broker runs")


def has_a_new(kind: str, launcher: Launcher, before: Mapping[int, str]) -> bool:
    return any(kind in command for process, command in launcher.family().items() if process not in before)


def test_a_second_launcher_is_refused(launcher: Launcher, folder: Path) -> None:
    second = Launcher(folder)
    assert second.process.wait(PATIENCE) == 1
    assert f"{folder} is in use by another Gatelab (process {launcher.process.pid})" in second.close()
    assert launcher.process.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)
def test_a_killed_launcher_leaves_no_orphan(launcher: Launcher) -> None:
    # Celery starts its child a moment after it is up.
    eventually(lambda: sum("-m worker" in line for line in launcher.family().values()) == 4, "both have a child")
    family = launcher.family()
    launcher.stop(signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in family), "all are gone")
    errors = launcher.close()
    assert "the service ended with code -9; starting it again in 0.5 s" in errors
    assert "the broker ended with code -9; starting it again in 0.5 s" in errors


def test_a_stop_ends_everything_and_what_was_added_is_kept(launcher: Launcher, folder: Path) -> None:
    """The next launcher in the same directory, which stops when its standard input ends."""
    launcher.close()
    again = Launcher(folder, "--stop-on-eof")
    with Gatelab(again.url) as gatelab:
        assert [corpus.name for corpus in gatelab.corpora()] == ["book"]
    assert (folder / KEY_FILE).read_text().strip() not in again.signed_in, "what it prints may end in a log"
    code = again.signed_in.partition("/#code=")[2]
    statuses = [httpx2.post(f"{again.url}/v1/login", json={"code": code}).status_code for _ in range(2)]
    assert statuses == [204, 401]
    family = again.family()
    kinds = ("valkey-server", "service.app", "-m worker")
    assert all(any(kind in command for command in family.values()) for kind in kinds), family

    assert again.process.stdin
    again.process.stdin.close()
    assert again.process.wait(PATIENCE) == 0
    again.process.stdin = None
    assert again.close() == ""
    assert not [command for pid, command in family.items() if alive(pid)]
    assert (folder / "broker.sock").exists() is False
    assert {"service.log", "worker-1.log", "broker.log"} <= {file.name for file in (folder / "logs").iterdir()}


def test_a_port_in_use_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = launch_and_wait("--data-dir", str(tmp_path / "new"), "--port", port)
    assert result.returncode == 1
    assert f"127.0.0.1:{port}: Address already in use; choose another port with --port" in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_service_that_does_not_start_is_shown_with_its_log(tmp_path: Path) -> None:
    result = launch_and_wait(
        "--data-dir", str(tmp_path), "--port", "0", GATELAB_DATABASE_URL="sqlite:////dev/null/gatelab.db"
    )
    assert result.returncode == 1
    assert "gatelab: the migrations did not start: it ended with code 1. The end of" in result.stderr
    assert "/dev/null" in result.stderr


def test_a_worker_that_does_not_come_up_is_shown_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "__init__.py").touch()
    (tmp_path / "worker" / "__main__.py").write_text("raise SystemExit('a package is missing')")
    result = launch_and_wait("--data-dir", str(tmp_path), "--port", "0", PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert "gatelab: the worker-1 did not start: it ended with code 1. The end of" in result.stderr
    assert result.stderr.endswith("a package is missing\n")


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    result = launch_and_wait("--data-dir", str(tmp_path), "--port", "0", GATELAB_LEASE_SECONDS="no")
    assert result.returncode == 1
    assert "GATELAB_LEASE_SECONDS: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("options", [["--port", "65536"], ["--port", "x"], ["--workers", "0"], ["--nonsense"]])
def test_wrong_usage_ends_with_2(options: list[str]) -> None:
    assert launch_and_wait(*options).returncode == 2


def test_a_data_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = launch_and_wait("--data-dir", str(tmp_path / "file"), "--port", "0")
    assert result.returncode == 1
    assert "as the data directory" in result.stderr


def launch_and_wait(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "gatelab.launcher", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
