"""Installations on pairs of database and broker."""

from collections.abc import Iterator

import kombu
import pytest
from redis import Redis

from tests import servers
from tests.acceptance.stack import Stack

# In these stacks only a message from the broker starts a run. Polling would hide a broker that does not work.
NO_POLLING = {"GATELAB_POLL_SECONDS": "600"}


@pytest.fixture(scope="module", params=["sqlite-redis", "postgres-rabbitmq"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running installation, named by its database and broker, which the tests of a module share."""
    database, broker = request.param.split("-")
    folder = tmp_path_factory.mktemp(request.param)
    url: str = request.getfixturevalue(f"{broker}_url")
    settings = NO_POLLING | {"GATELAB_BROKER_URL": url}
    if database == "sqlite":
        yield from _running(Stack(folder, settings), url)
        return
    with servers.postgres_database(request.getfixturevalue("postgres_server")) as database_url:
        yield from _running(Stack(folder, settings | {"GATELAB_DATABASE_URL": database_url}), url)


def _running(stack: Stack, broker_url: str) -> Iterator[Stack]:
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        _forget_queue(broker_url, stack.queue)


def _forget_queue(broker_url: str, queue: str) -> None:
    if broker_url.startswith("redis"):
        with Redis.from_url(broker_url) as redis:
            redis.delete(queue, f"_kombu.binding.{queue}")
    else:
        with kombu.Connection(broker_url) as connection:
            kombu.Queue(queue, channel=connection.default_channel).delete()
