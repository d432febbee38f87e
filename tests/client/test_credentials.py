"""The client finds the key of a `gatelab up` on this machine, and sends it to no other host."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatelab.client.api import DEFAULT_URL, Gatelab
from gatelab.client.credentials import local_key
from gatelab.client.main import app
from gatelab.launcher import directory_lock, port_registry

PORT = 8123


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with a key, whose launcher has stored its address."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    data = tmp_path / "data"
    data.mkdir()
    (data / "api-key").write_text("gatelab_secret\n")
    port_registry.write(PORT, data)
    return data


def test_the_key_is_that_of_the_port(data_dir: Path) -> None:
    with directory_lock.hold(data_dir):
        assert local_key(PORT) == "gatelab_secret"
        assert local_key(PORT + 1) is None


def test_where_nobody_holds_the_data_somebody_else_may_listen(data_dir: Path) -> None:
    (data_dir / "lock").touch()
    assert local_key(PORT) is None


@pytest.mark.parametrize("missing", ["lock", "api-key"])
def test_without_key_or_lock_there_is_none(missing: str, data_dir: Path) -> None:
    with directory_lock.hold(data_dir):
        (data_dir / missing).unlink()
        assert local_key(PORT) is None


def test_the_note_goes_when_the_launcher_does(data_dir: Path) -> None:
    with directory_lock.hold(data_dir):
        port_registry.remove(PORT)
        assert local_key(PORT) is None
    port_registry.remove(PORT)


def test_a_user_without_a_home_finds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/dev/null")
    port_registry.write(PORT, Path("/tmp"))
    port_registry.remove(PORT)
    assert local_key(PORT) is None


@pytest.mark.parametrize("around", ["{}", "{}\n", "  {}\r\n"])
def test_a_key_is_taken_without_what_a_file_puts_around_it(
    around: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATELAB_API_KEY", around.format("gatelab_mine"))
    with Gatelab("http://127.0.0.1:1") as client:
        assert client._transport._client.headers["authorization"] == "Bearer gatelab_mine"


def test_the_address_comes_from_the_environment_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, expected in (("http://127.0.0.1:1/", "http://127.0.0.1:1"), ("", DEFAULT_URL)):
        monkeypatch.setenv("GATELAB_URL", value)
        with Gatelab(key="gatelab_mine") as client:
            assert client._transport.url == expected
        with Gatelab("http://127.0.0.1:2", key="gatelab_mine") as client:
            assert client._transport.url == "http://127.0.0.1:2"


@pytest.mark.parametrize("key", ["gatelab_a\nb", "gatelab_schlüssel", "gatelab_\x1b"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELAB_API_KEY", key)
    result = CliRunner().invoke(app, ["jobs"], env={"GATELAB_URL": "http://127.0.0.1:1"})
    assert result.exit_code == 1
    assert "the API key (GATELAB_API_KEY) must consist of printable ASCII" in result.stderr
    assert "gatelab_" not in result.output
    assert "Traceback" not in result.output
