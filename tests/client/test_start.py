"""What starting the command costs: it must run where only the client is installed."""

import subprocess
import sys

import pytest

from gatelab import __version__

SERVER_SIDE = ("torch", "numpy", "sqlalchemy", "celery", "fastapi", "uvicorn", "alembic", "pydantic_settings")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


def test_the_command_imports_nothing_of_the_server() -> None:
    result = run("-c", f"import sys, client.main; print([m for m in {SERVER_SIDE} if m in sys.modules])")
    assert result.stdout == "[]\n", result.stderr


def test_the_version_is_told() -> None:
    assert run("-m", "client.main", "version").stdout == f"gatelab {__version__}\n"


@pytest.mark.parametrize("command", ["up", "demo"])
def test_without_the_server_it_says_what_to_install(command: str) -> None:
    program = (
        "import sys, client.embedded; client.embedded.SERVER_PACKAGES += ('a_package_that_nobody_has',); "
        f"sys.argv = ['gatelab', '{command}']; from client.main import main; main()"
    )
    result = run("-c", program)
    assert result.returncode == 1
    assert "pip install 'gatelab[server]'" in result.stderr
    assert "Traceback" not in result.stderr
