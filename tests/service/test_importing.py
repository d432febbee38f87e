"""Importing the service or the worker is cheap and has no side effects."""

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


UNUSED = ("torch", "scipy", "jinja2", "alembic", "celery", "kombu", "redis", "limits", "onnxscript", "PIL")
MOST_MODULES = 1100
"""A budget of modules, which does not depend on the machine, as a clock would."""


def test_a_service_that_is_ready_has_imported_nothing_that_it_may_not_need(tmp_path: Path) -> None:
    """On first use, a wake-up imports the broker's client, a server of counts its client, and a model PyTorch."""
    program = "import sys; from service.app import create_app; create_app(); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    found = set(result.stdout.split())
    assert "service.app" in found, result.stderr
    assert found.isdisjoint(UNUSED)
    assert len(found) < MOST_MODULES, len(found)


def test_a_bad_environment_is_told_when_the_service_is_made(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from service.app import create_app; create_app()"]
    result = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert result.returncode != 0
    assert "GATELAB_LEASE_SECONDS" in result.stderr
    assert "GATELAB_DEVICE" in result.stderr
