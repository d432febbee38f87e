"""The client against the real service: real HTTP on a real port."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import structlog

from gatelab.client.api import Gatelab
from service.jobs import event_poller, event_routes
from tests.client import trained as training
from tests.client.live import Live, live
from tests.client.trained import Trained

Place = TypeVar("Place", bound=Live)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client retry, and the service look for new events, almost at once."""
    monkeypatch.setattr("gatelab.client.events.RECONNECT_SECONDS", 0.01)
    monkeypatch.setattr("gatelab.client.transport.RETRY_PAUSES", (0.01, 0.01))
    monkeypatch.setattr(event_routes, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(event_poller, "LOOK_SECONDS", 0.01)


@pytest.fixture(autouse=True)
def _silent() -> None:
    """Let the service write no log. It runs in a thread of this process, so its lines would mix with a command's."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


# No service lives longer than a module, since other tests may fork or measure time.


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    training.train(folder)
    return folder


@pytest.fixture(scope="module")
def trained_once(trained_folder: Path) -> Iterator[Trained]:
    with training.trained(trained_folder) as place:
        yield place


@pytest.fixture(scope="module")
def live_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("live")) as place:
        yield place


@pytest.fixture
def trained(trained_once: Trained) -> Iterator[Trained]:
    """An installation with some jobs, which tests only read."""
    yield from _at_rest(trained_once)


@pytest.fixture
def fresh(live_once: Live) -> Iterator[Live]:
    """An installation for one test, with the corpus of `tests.service.installation.SPEC` and no job."""
    live_once.clear()
    live_once.service.add_corpus()
    yield from _at_rest(live_once)


def _at_rest(place: Place) -> Iterator[Place]:
    """`place` over a wire without faults. At the end, every fault that the test requested must have occurred."""
    place.wire.reset()
    yield place
    place.wire.wait_until_idle()
    assert not place.wire.faults, "the test asked for faults that did not happen"


@pytest.fixture
def gatelab(trained: Trained) -> Iterator[Gatelab]:
    """A client of the trained installation."""
    with Gatelab(trained.url) as client:
        yield client


@pytest.fixture
def writer(fresh: Live) -> Iterator[Gatelab]:
    """A client of the test's own installation."""
    with Gatelab(fresh.url) as client:
        yield client
