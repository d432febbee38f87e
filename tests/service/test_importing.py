"""Importing a door costs little and changes nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = {"GATELAB_DATABASE_URL": "nonsense", "GATELAB_LEASE_SECONDS": "-1", "GATELAB_DEVICE": "nonsense"}

CHECK = """
import importlib, os, sys
before = set(os.listdir())
importlib.import_module(sys.argv[1])
for slow in ("torch", "scipy", "jinja2", "alembic"):
    assert slow not in sys.modules, f"{slow} was imported"
assert set(os.listdir()) == before, "something was made"
"""


@pytest.mark.parametrize("door", ["service.app", "worker.app"])
def test_importing_a_door_imports_nothing_slow_and_reads_no_environment(door: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", CHECK, door]
    result = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_a_bad_environment_is_told_when_the_service_is_made(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from service.app import create_app; create_app()"]
    result = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert result.returncode != 0
    assert "GATELAB_LEASE_SECONDS" in result.stderr
    assert "GATELAB_DEVICE" in result.stderr
