"""What an installation brings is enough, without what the tests bring. Found by hiding every other package."""

import subprocess
import sys
from importlib.metadata import distribution, packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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

OPTIONAL = "triton"
"""What PyTorch's builds for NVIDIA GPUs bring, and only an engine for such a GPU imports."""


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
        ("gatelab", "client gatelab.specs"),
        ("gatelab[server]", "client gatelab service worker kombu.transport.redis kombu.transport.pyamqp"),
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
