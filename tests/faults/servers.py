"""A broker and a database server for one test, which may kill, freeze and restart them."""

import signal
import subprocess
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import redis

from tests import servers
from tests.processes import free_port, running, temporary_folder, wait_until
from tests.waiting import PATIENCE


class Server(ABC):
    """A process that can be restarted with the same data and address."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def serve(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """The server, answering, and stopped at the end."""

    def start(self) -> None:
        """Start or thaw it, whatever state it is in."""
        if self._process is None:
            self._process = self._running.enter_context(self.serve())
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self.start()  # a frozen process ignores a polite signal
            self._end()

    def end(self, by: signal.Signals) -> None:
        """End it at once by a signal that it cannot ignore, or does not."""
        assert self._process is not None
        self._process.send_signal(by)
        self._process.wait(timeout=PATIENCE)
        self._end()

    def _end(self) -> None:
        self._running.close()
        self._process = None


class Broker(Server):
    """A Redis that stores nothing on disk, so a kill loses everything in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}"

    def serve(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        return running([str(servers.redis_binary()), *options], self._folder)

    def start(self) -> None:
        super().start()
        assert self._process is not None
        wait_until(lambda: servers.redis_answers(self.url), self._process, self._folder)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it without closing its connections, so that clients wait for an answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def listeners(self) -> int:
        """The number of workers that wait for a message."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.info("clients")["blocked_clients"])

    def waiting(self, queue: str) -> int:
        """The number of messages that no worker has taken yet."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.llen(queue))


class Postgres(Server):
    """A PostgreSQL server that writes through to disk, as it should. Closing it deletes its data."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = ExitStack()
        # Not in the folder of a test, which PostgreSQL's user may not enter.
        self._cluster = servers.PostgresCluster(self._folder.enter_context(temporary_folder()))
        self.url = self._cluster.url

    def database(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def serve(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        return self._cluster.running()

    def stop_immediately(self) -> None:
        """Like `pg_ctl stop -m immediate`: no transaction ends in order, and the next start recovers from the log."""
        self.end(signal.SIGQUIT)

    def close(self) -> None:
        self.stop()
        self._folder.close()
