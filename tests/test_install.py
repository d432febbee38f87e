"""The packages of an installation are enough without those of the tests: all others are hidden."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

IMPORT_WITHOUT = """
import importlib, pkgutil, sys
hidden, wanted, optional = (set(argument.split()) for argument in sys.argv[1:])

class Hider:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}: its package is not asked for", name=name)

sys.meta_path.insert(0, Hider())
for name in sorted(wanted):
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        if not found.name.endswith(".__main__"):
            try:
                importlib.import_module(found.name)
            except ModuleNotFoundError as error:
                if error.name not in optional:
                    raise
"""

SERVED = "gatelab.network gatelab.generation gatelab.gates gatelab.reports gatelab.costs gatelab.store gatelab.launcher"
"""The parts of the library that the service and `gatelab up` use."""

OPTIONAL = "triton"
"""Packages that PyTorch's builds for NVIDIA GPUs need, and that only an engine for such a GPU imports."""


def installed_for(requirement: Requirement) -> set[str]:
    """The names of the packages that pip installs for it, here."""
    found: set[tuple[str, str]] = set()

    def add(wanted: Requirement) -> None:
        name = canonicalize_name(wanted.name)
        for extra in {"", *wanted.extras}:
            if (name, extra) not in found:
                found.add((name, extra))
                for line in distribution(name).requires or []:
                    needed = Requirement(line)
                    if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                        add(needed)

    add(requirement)
    return {name for name, _ in found}


@pytest.mark.parametrize(
    ("requirement", "modules"),
    [
        ("gatelab", "gatelab.client gatelab.specs"),
        ("gatelab[serve]", f"gatelab.client service {SERVED}"),
        pytest.param(
            "gatelab[server]",
            "gatelab service worker kombu.transport.redis kombu.transport.pyamqp",
            marks=pytest.mark.long,
        ),
    ],
)
def test_it_needs_no_package_that_it_does_not_ask_for(requirement: str, modules: str) -> None:
    asked_for = installed_for(Requirement(requirement))
    hidden = {
        module
        for module, packages in packages_distributions().items()
        if not asked_for & {canonicalize_name(package) for package in packages}
    }
    assert "pytest" in hidden
    command = [sys.executable, "-c", IMPORT_WITHOUT, " ".join(hidden), modules, OPTIONAL]
    imported = subprocess.run(command, capture_output=True, text=True)
    assert imported.returncode == 0, imported.stderr


@pytest.mark.long
def test_the_package_installs_without_make_and_without_a_compiler(tmp_path: Path) -> None:
    """The build says what it lacks, and the wheel contains all Python code; PyTorch then trains."""
    source = tmp_path / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    no_compiler = {**os.environ, "PATH": str(tmp_path), "CXX": str(tmp_path / "none")}
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source)],
        env=no_compiler,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("gatelab-*-py3-none-any.whl")
    installed = tmp_path / "installed"
    command = [*pip, "install", "--quiet", "--no-deps", "--target", str(installed), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    program = "import gatelab, service.app, gatelab.client.main; print(gatelab.__file__)"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert not (installed / "client").exists()
    assert Path(ran.stdout.strip()).is_relative_to(installed)
