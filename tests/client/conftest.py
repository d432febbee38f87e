"""The client against a real HTTP server."""

from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from client.api import Gatelab
from client.main import app
from tests.client.fake import FakeService, serving


@pytest.fixture
def fake() -> Iterator[FakeService]:
    with serving(FakeService()) as running:
        yield running


@pytest.fixture
def gatelab(fake: FakeService) -> Iterator[Gatelab]:
    with Gatelab(fake.url) as client:
        yield client


Command = Callable[..., Result]


@pytest.fixture
def command(fake: FakeService) -> Command:
    """Runs `gatelab` with these arguments on the fake service."""

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env={"GATELAB_URL": fake.url})

    return invoke
