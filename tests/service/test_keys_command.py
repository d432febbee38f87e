"""`gatelab keys` against a service that asks for keys."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from typer.testing import CliRunner, Result

from gatelab.client.api import Gatelab
from gatelab.client.errors import ApiError
from gatelab.client.main import app
from gatelab.store.keys import Scope
from service.app import create_app
from tests.service.installation import Installation, installation
from tests.service.live import serving

Command = Callable[..., Result]


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("keys"), auth=True) as made:
        yield made


@pytest.fixture
def url(service: Installation) -> Iterator[str]:
    with serving(create_app(service.settings)) as url:
        yield url


@pytest.fixture
def command(service: Installation, url: str) -> Command:
    _, secret = service.store.keys.create("local", Scope.ADMIN, "first")
    environment = {"GATELAB_URL": url, "GATELAB_API_KEY": secret}
    return lambda *arguments: CliRunner().invoke(app, ["keys", *arguments], env=environment)


def works(url: str, secret: str) -> bool:
    with Gatelab(url, key=secret) as gatelab, suppress(ApiError):
        return list(gatelab.jobs()) == []
    return False


def test_a_key_from_its_making_to_its_end(command: Command, url: str) -> None:
    made = command("create", "ada", "--scope", "read", "--name", "phone").output.split()
    id, secret = made[0].rstrip(":"), made[-1]
    assert works(url, secret)
    rotated = json.loads(command("rotate", id, "--json").output)
    assert (works(url, secret), works(url, rotated["secret"])) == (False, True)
    command("revoke", rotated["key"]["id"])
    assert not works(url, rotated["secret"])
    listed = {key["id"]: key for key in json.loads(command("list", "--json").output)}
    assert {listed[id]["name"], listed[id]["account"]} == {"phone", "ada"}
    assert "revoked" in command("list").output
    assert secret not in command("list").output


def test_what_is_refused_is_a_line(command: Command, url: str) -> None:
    for arguments in (("create", "No Name"), ("create", "ada", "--scope", "root"), ("revoke", "nobody")):
        result = command(*arguments)
        assert result.exit_code == 1
        assert result.stderr
    without = CliRunner().invoke(app, ["keys", "list"], env={"GATELAB_URL": url, "GATELAB_API_KEY": "gatelab_wrong"})
    assert without.exit_code == 1
    assert "unknown" in without.stderr
