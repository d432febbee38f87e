"""Every file that an installation downloads has its SHA-256 in `locks/`, and pip refuses any other."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.locks import CONSTRAINTS, LOCKS, PARTS, entries, name_of, read
from tests.conftest import ROOT
from tests.test_install import installed_for

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
FILES = sorted(path.stem for path in LOCKS.glob("*.txt"))
MACHINES = [
    {
        "python_version": python,
        "python_full_version": f"{python}.7",
        "sys_platform": system,
        "platform_machine": kind,
    }
    for python in ("3.11", "3.12", "3.13", "3.14")
    for system, kind in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64"))
]


def asked_for(part: str) -> Iterator[Requirement]:
    """The requirements of a part in `pyproject.toml`."""
    for line in PROJECT["dependencies"] if part == "client" else EXTRAS[part]:
        wanted = Requirement(line)
        if wanted.name == "gatelab":
            for extra in wanted.extras:
                yield from asked_for(extra)
        else:
            yield wanted


def locked(part: str) -> list[Requirement]:
    """The packages that the lock has for a part, with the parts before it."""
    return [Requirement(entry) for entry in read([*PARTS[part], part])]


def applies(wanted: Requirement, machine: dict[str, str]) -> bool:
    return wanted.marker is None or wanted.marker.evaluate(machine)


# -- The files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_has_one_version_and_its_hashes(name: str) -> None:
    """Nothing else is in the locks: an option or an address would decide where pip gets packages."""
    text = (LOCKS / f"{name}.txt").read_text(encoding="utf-8")
    found = entries(text)
    assert found
    for entry, hashes in found.items():
        assert re.match(r"[a-z0-9-]+==[^\s*]+( ; |$)", entry), entry
        assert hashes, entry
        assert len(hashes) == len(set(hashes)), entry
    assert not [line for line in text.splitlines() if re.match(r"\s*-(?!-hash=sha256:[0-9a-f]{64}( \\)?$)", line)]
    assert "://" not in text


def test_there_is_a_file_for_every_part_and_for_what_makes_and_builds_them() -> None:
    assert {*FILES} == {*PARTS, "torch", "cuda", "build", "pip", "uv"}
    assert PARTS.keys() == {"client", *EXTRAS}


def test_the_locks_have_the_versions_of_the_constraints() -> None:
    constraints = {re.split(r"\s*;", entry)[0] for entry in entries(CONSTRAINTS.read_text(encoding="utf-8"))}
    versions = {re.split(r"\s*;", entry)[0] for entry in read([*PARTS, "torch", "cuda"])}
    assert versions == constraints


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_all_that_is_asked_for_on_every_machine(part: str) -> None:
    found = locked(part)
    for machine in MACHINES:
        here: dict[str, str] = {}
        for entry in found:
            if applies(entry, machine):
                [pin] = entry.specifier
                assert here.setdefault(entry.name, pin.version) == pin.version, (entry.name, machine)
        for wanted in asked_for(part):
            if applies(wanted, machine):
                assert here[canonicalize_name(wanted.name)] in wanted.specifier, (wanted, machine)


@pytest.mark.parametrize("part", [part for part in PARTS if part != "peers"])  # which no test installs
def test_a_part_has_all_that_its_packages_need(part: str) -> None:
    """pip looks for no other packages: the lock is installed without resolving dependencies."""
    extras = "" if part == "client" else f"[{part}]"
    needed = installed_for(Requirement(f"gatelab{extras}")) - {"gatelab"}
    assert needed <= {entry.name for entry in locked(part)}


def test_what_builds_gatelab_is_locked() -> None:
    found = {Requirement(entry).name: Requirement(entry) for entry in read(["build"])}
    for line in PYPROJECT["build-system"]["requires"]:
        assert found[Requirement(line).name].specifier == Requirement(line).specifier
    assert {"editables", "setuptools"} <= found.keys()


def test_what_is_installed_here_is_what_is_locked() -> None:
    versions: dict[str, set[str]] = {}
    for entry in read([*PARTS, "torch", "cuda", "build"]):
        versions.setdefault(name_of(entry), set()).add(re.split(r"==|\s*;", entry)[1])
    here = {canonicalize_name(found.name): found.version.partition("+")[0] for found in distributions()}
    common = here.keys() & versions.keys()
    assert len(common) > 100
    assert {name: here[name] for name in common if here[name] not in versions[name]} == {}


def test_what_builds_the_page_has_its_hashes() -> None:
    packages = json.loads((ROOT / "service/web/package-lock.json").read_text(encoding="utf-8"))["packages"]
    fetched = {name: package for name, package in packages.items() if name and not package.get("link")}
    assert len(fetched) > 100
    assert [name for name, package in fetched.items() if not package.get("integrity", "").startswith("sha512-")] == []


@pytest.mark.parametrize("path", ["Dockerfile", "scripts/install", "scripts/lock", "scripts/venv"])
def test_nothing_is_fetched_without_its_hash(path: str) -> None:
    """Each pip command requires hashes, or has no index from which it could download."""
    joined = re.sub(r"\\\n\s*", "", (ROOT / path).read_text(encoding="utf-8"))
    code = [line for line in joined.splitlines() if not line.startswith("#")]
    parts = [part for line in code for part in re.split(r"&&|\|\||;", line)]
    # A command that takes its options from its callers (`"$@"`) is checked with theirs.
    commands = [
        part for part in parts if re.search(r"\bpip_install -|\bpip .*\b(install|wheel) ", part) and '"$@"' not in part
    ]
    assert commands
    assert [one for one in commands if "--require-hashes" not in one and "--no-index" not in one] == []


# -- What pip makes of them ---------------------------------------------------------------------------------------


def wheel(folder: Path, name: str = "tiny", version: str = "1.0", needs: str = "") -> str:
    """A package of one line. Returns its line for a lock."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    told = f"{name}-{version}.dist-info"
    required = f"Requires-Dist: {needs}\n" if needs else ""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{told}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}")
        archive.writestr(f"{told}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{told}/RECORD", f"{name}.py,,\n{told}/METADATA,,\n")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with `scripts/install` and empty locks. It has no Gatelab, so that the last step fails."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/install", tmp_path / "scripts/install")
    program = tmp_path / ".venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    (tmp_path / "locks").mkdir()
    for name in ("build", "client", "serve", "torch", "server", "cuda"):
        (tmp_path / f"locks/{name}.txt").write_text("# nothing\n")
    return tmp_path


def install(project: Path, *parts: str) -> tuple[str, list[str]]:
    """The output of `scripts/install` if pip finds only the packages in the project's folder, and what it installed."""
    installed = project / "installed"
    sources = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project), "PIP_TARGET": str(installed)}
    environment = {**os.environ, **sources, "PYTHONPATH": str(installed)}
    command = [str(project / "scripts/install"), *parts]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode != 0, "there is no Gatelab to install in this project"
    return done.stderr, sorted(path.stem for path in installed.glob("*.py"))


@pytest.mark.long
def test_a_file_with_its_hash_is_installed(project: Path) -> None:
    (project / "locks/client.txt").write_text(wheel(project))
    said, installed = install(project)
    assert installed == ["tiny"], said


def test_a_file_with_another_hash_is_not_installed(project: Path) -> None:
    wheel(project)
    (project / "locks/client.txt").write_text(f"tiny==1.0 --hash=sha256:{'a' * 64}\n")
    said, installed = install(project)
    assert "DO NOT MATCH THE HASHES" in said
    assert installed == []


@pytest.mark.long
def test_a_build_that_somebody_else_offers_under_the_version_is_not_installed(project: Path) -> None:
    """`1.0+cpu` counts as 1.0, and pip prefers it wherever it finds it, so this is enough for a foreign index."""
    (project / "locks/client.txt").write_text(wheel(project))
    wheel(project, version="1.0+cpu")
    said, installed = install(project)
    assert "DO NOT MATCH THE HASHES" in said
    assert installed == []


@pytest.mark.long
@pytest.mark.parametrize(("needs", "more"), [("", []), ("nvidia-tiny==1.0", ["nvidia_tiny"])])
def test_pytorch_s_build_decides_whether_nvidia_s_libraries_come(needs: str, more: list[str], project: Path) -> None:
    (project / "locks/torch.txt").write_text(wheel(project, "torch", needs=needs))
    (project / "locks/cuda.txt").write_text(wheel(project, "nvidia_tiny"))
    said, installed = install(project, "server")
    assert installed == [*more, "torch"], said
