"""Starting the command is cheap, and works if only the client is installed."""

import subprocess
import sys

import pytest

from gatelab import __version__
from gatelab.client.main import LISTED

SERVER_SIDE = ("torch", "numpy", "sqlalchemy", "celery", "fastapi", "uvicorn", "alembic", "pydantic_settings")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


def test_the_command_imports_nothing_of_the_server() -> None:
    result = run("-c", f"import sys, gatelab.client.main; print([m for m in {SERVER_SIDE} if m in sys.modules])")
    assert result.stdout == "[]\n", result.stderr


def test_the_client_is_imported_from_the_package_without_what_computes() -> None:
    """`import gatelab` alone brings no more than its own file. A budget of modules, since a clock would measure the
    machine: nothing that computes, no library for HTTP and no specs before they are used."""
    program = (
        "import sys, gatelab\nprint([m for m in sys.modules if m.startswith('gatelab.')])\n"
        "from gatelab import Gatelab\nprint(Gatelab)\nprint(*sys.modules)"
    )
    result = run("-c", program)
    alone, client, modules = result.stdout.splitlines()
    assert (alone, client) == ("[]", "<class 'gatelab.client.api.Gatelab'>"), result.stderr
    found = set(modules.split())
    assert found.isdisjoint([*SERVER_SIDE, "httpx2", "rich", "yaml", "PIL", "gatelab.specs"])
    assert len(found) < 320, len(found)


def test_the_version_is_told() -> None:
    assert run("-m", "gatelab.client.main", "version").stdout == f"gatelab {__version__}\n"


@pytest.mark.parametrize("command", ["up", "demo"])
def test_without_the_server_it_says_what_to_install(command: str) -> None:
    program = (
        "import sys; from gatelab.client import local_server; local_server.SERVER_PACKAGES += ('nobody_has_this',); "
        f"sys.argv = ['gatelab', '{command}']; from gatelab.client.main import main; main()"
    )
    result = run("-c", program)
    assert result.returncode == 1
    assert "pip install 'gatelab[server]'" in result.stderr
    assert "Traceback" not in result.stderr


HEAVY = ("rich", "httpx2", "yaml", "PIL", "gatelab.specs", "gatelab.client.api")


def modules_after(*arguments: str) -> set[str]:
    """The modules that a command has imported when it has ended."""
    program = (
        "import sys\nsys.argv = ['gatelab', *sys.argv[1:]]\nfrom gatelab.client.main import main\n"
        "try: main()\nexcept SystemExit: pass\nprint('MODULES', *sys.modules)"
    )
    result = run("-c", program, *arguments)
    assert "MODULES" in result.stdout, result.stderr
    return set(result.stdout.rpartition("MODULES")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["up", "--help"]])
def test_help_imports_no_client(arguments: list[str]) -> None:
    """A budget of modules, since a clock would measure the machine. Most of the start is importing."""
    found = modules_after(*arguments)
    assert found.isdisjoint(HEAVY)
    assert len(found) < 320, len(found)


def test_the_list_of_commands_says_what_they_say_of_themselves() -> None:
    for each in LISTED:
        command = each.load()
        told = " ".join((command.help or "").split("\n\n")[0].split())
        assert told.startswith(each.help.rstrip(".")), each.name
        assert command.name == each.name
