"""Installations for faults, on each database, and the seed of the random choices."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.campaign import Row
from tests.faults.installation import Installation
from tests.faults.printing import SEED, as_property
from tests.faults.result_table import HEAD, cells


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults-table", metavar="FILE", help="write what came of the faults to FILE, as Markdown")


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Iterator[list[Row]]:
    """Rows to print after all tests."""
    rows: list[Row] = []
    yield rows
    request.node.user_properties += [as_property(HEAD, cells(row)) for row in rows]


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random choices for one test, repeatable with the same GATELAB_FAULTS_SEED."""
    seed = f"{SEED} {request.node.name}"
    print(f"GATELAB_FAULTS_SEED={SEED}")  # shown where the test fails
    return random.Random(seed)


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def shared_installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    yield from running(tmp_path_factory.mktemp("installation"), postgres=request.param == "postgresql", workers=2)


@pytest.fixture
def installation(shared_installation: Installation) -> Installation:
    """An installation with two workers, shared by the tests of this folder, in order and idle at the start of each."""
    shared_installation.heal()
    shared_installation.finish()
    return shared_installation


def running(folder: Path, *, postgres: bool, workers: int) -> Iterator[Installation]:
    installation = Installation(folder, postgres=postgres, workers=workers)
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()
