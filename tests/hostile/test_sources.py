"""Gatelab reads back only safetensors and JSON, and never runs, fetches or imports anything that a user writes.

The tests read the syntax trees of all installed modules, so that comments do not count and aliases do not help.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("gatelab", "service", "worker", "migrations")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

MODULES = {
    # They run what they read.
    *("pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "code", "codeop", "runpy"),
    # They take addresses.
    *("urllib.request", "requests", "aiohttp", "httpx", "httpx2", "ftplib", "telnetlib", "xmlrpc", "smtplib"),
    # They read formats that refer to something else.
    *("xml", "lxml", "plistlib"),
}
CALLS = {
    *("eval", "exec", "compile", "__import__", "breakpoint"),
    *("torch.load", "torch.hub.load", "torch.jit.load", "torch.package.PackageImporter", "torch.export.load"),
    *("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.UnsafeLoader", "yaml.FullLoader"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("importlib.import_module", "tarfile.open", "zipfile.ZipFile", "shutil.unpack_archive", "tempfile.mktemp"),
}
ALLOWED = {
    # The client asks its service.
    ("gatelab/client/transport.py", "httpx2"),
    ("gatelab/client/events.py", "httpx2"),
    # The demo's book, at an address in the source, known by its digest.
    ("gatelab/client/demo_corpus.py", "httpx2"),
    # A command's own module, by a name in the source, when the command is called.
    ("gatelab/client/commands/lazy_group.py", "importlib.import_module"),
    # Triton takes a kernel as a Python function. Its text is Gatelab's own: of a user's equations it has operations and
    # numbers, and no name (`test_no_name_of_a_text_gets_into_the_code`).
    ("gatelab/scan/triton/code.py", "exec"),
    ("gatelab/scan/triton/code.py", "compile"),
}
"""File -> calls that are there for a reason."""


def imports_of(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Every import: its name in the file, and its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.asname or name.name.partition(".")[0], name.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                yield name.asname or name.name, f"{node.module}.{name.name}"


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    """The full name of an expression such as `np.load`, whatever the file calls it."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        before = dotted(node.value, known)
        return f"{before}.{node.attr}" if before else ""
    return ""


def offences(source: str) -> list[str]:
    tree = ast.parse(source)
    imported = list(imports_of(tree))
    known = {alias: (name if alias != name.partition(".")[0] else alias) for alias, name in imported}
    found = [name for _, name in imported if any(name == m or name.startswith(f"{m}.") for m in MODULES)]
    # Every mention counts, not only calls, since a function that is passed on is called elsewhere.
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and dotted(node, known) in CALLS:
            found.append(dotted(node, known))
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            setting = (node.arg, node.value.value)
            if setting in {("shell", True), ("allow_pickle", True), ("weights_only", False), ("autoescape", False)}:
                found.append(f"{node.arg}={node.value.value!r}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_unpickled_run_or_fetched(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    assert [found for found in offences(path.read_text()) if not is_allowed(name, found)] == []


def is_allowed(file: str, found: str) -> bool:
    return any(file == where and found.startswith(what) for where, what in ALLOWED)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch as t\nt.load('x')",
        "from torch import load as read\nread('x')",
        "import numpy as np\nmap(np.load, files)",
        "import yaml\nyaml.load(text)",
        "from yaml import load\nload(text)",
        "eval(text)",
        "import subprocess\nsubprocess.run(text, shell=True)",
        "import os\nos.system(text)",
        "from urllib import request",
        "from urllib.request import urlopen",
        "import numpy\nnumpy.savez(file, allow_pickle=True)",
        "from importlib import import_module as get\nget(name)",
    ],
)
def test_the_test_sees_through_other_names(source: str) -> None:
    assert offences(source)


def test_what_is_allowed_is_there() -> None:
    for file, what in ALLOWED:
        assert any(found.startswith(what) for found in offences((ROOT / file).read_text())), (file, what)


def test_all_packages_are_looked_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(PACKAGES)
    assert len(SOURCES) > 150
