import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from gatelab.launcher import sockets
from gatelab.launcher.errors import CannotStart


@pytest.fixture
def temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_short_plain_path_is_in_the_data_directory() -> None:
    assert sockets.broker_path(Path("/srv/gatelab")) == Path("/srv/gatelab/broker.sock")


@pytest.mark.parametrize("data_dir", ["/srv/" + "x" * 100, "/srv/with space", "/srv/ü", "/srv/a%20b", "/srv/a?b#c"])
def test_other_paths_get_a_private_directory_that_is_found_again(temporary: Path, data_dir: str) -> None:
    path = sockets.broker_path(Path(data_dir))
    assert path.parent.parent == temporary
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sockets.broker_path(Path(data_dir)) == path
    assert sockets.broker_path(Path(data_dir + "2")) != path
    path.touch()
    sockets.remove(path, Path(data_dir))
    assert not path.parent.exists()


def test_the_longest_path_that_fits_can_be_bound(folder: Path) -> None:
    data_dir = folder / ("x" * (sockets.MAX_SOCKET_PATH - len(str(folder / "broker.sock")) - 1))
    data_dir.mkdir()
    path = sockets.broker_path(data_dir)
    assert (path.parent, len(os.fsencode(path))) == (data_dir, sockets.MAX_SOCKET_PATH)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def test_a_directory_that_others_can_enter_is_refused(temporary: Path) -> None:
    path = sockets.broker_path(Path("/srv/with space"))
    path.parent.chmod(0o755)
    with pytest.raises(CannotStart, match="not a private directory"):
        sockets.broker_path(Path("/srv/with space"))
    path.parent.rmdir()
    path.parent.symlink_to(temporary)
    with pytest.raises(CannotStart, match="not a private directory"):
        sockets.broker_path(Path("/srv/with space"))


def test_no_path_that_fits_is_said_so(temporary: Path) -> None:
    assert temporary
    with pytest.raises(CannotStart, match="shorter --data-dir"):
        sockets.broker_path(Path("/srv/gatelab"), limit=10)


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://127.0.0.1:")])
def test_a_free_port_is_taken_and_its_address_told(host: str, url: str) -> None:
    with sockets.listen(host, 0) as listener:
        port = listener.getsockname()[1]
        assert sockets.url(listener) == f"{url}{port}"
        with socket.create_connection(sockets.reachable(listener)):
            pass


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_cannot_be_had_is_refused(host: str) -> None:
    with pytest.raises(CannotStart, match="cannot listen on"):
        sockets.listen(host, 0)


def test_a_port_in_use_is_refused() -> None:
    with sockets.listen("127.0.0.1", 0) as taken, pytest.raises(CannotStart, match="in use"):
        sockets.listen("127.0.0.1", taken.getsockname()[1])
