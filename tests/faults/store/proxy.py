"""A connection to PostgreSQL that breaks at the worst moment: at the COMMIT."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

Cut = Literal["before", "after", "late"]
"""The client loses its connection. The COMMIT

- before: never reached the server, which rolls back;
- after: succeeded, and the answer is lost;
- late: is still on its way, and succeeds a while after the client gave the connection up.
"""

LATE_SECONDS = 0.5
_COMMIT = b"COMMIT\0"
_BYTES = 2**16


class Proxy:
    """Forwards the traffic between store and server, except for the COMMIT that a test wants to fail."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._how: Cut | None = None
        self._passing = 0
        self.port: int = self._listener.getsockname()[1]
        self.start(self._accept)

    def cut(self, how: Cut, after: int = 0) -> None:
        """Cut one connection at the next COMMIT, or after this number of further ones."""
        with self._lock:
            self._how, self._passing = how, after

    @property
    def has_cut(self) -> bool:
        return self._how is None

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                client, _ = self._listener.accept()
                _Link(self, client, socket.create_connection(self._server))

    def take(self, said: bytes) -> Cut | None:
        """How to cut the connection on which this was sent, if at all."""
        with self._lock:
            if self._how is None or _COMMIT not in said:
                return None
            if self._passing > 0:
                self._passing -= 1
                return None
            how, self._how = self._how, None
            return how

    def start(self, run: Callable[[], None]) -> None:
        threading.Thread(target=run, daemon=True).start()


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._mute = False
        proxy.start(self._forth)
        proxy.start(self._back)

    def _forth(self) -> None:
        with suppress(OSError):
            while said := self._client.recv(_BYTES):
                how = self._proxy.take(said)
                if how == "before":
                    break
                self._mute = how is not None
                if how == "late":
                    _close(self._client)
                    time.sleep(LATE_SECONDS)
                self._server.sendall(said)
                if how:
                    return  # the server's answer ends the connection
        self._end()

    def _back(self) -> None:
        with suppress(OSError):
            while (said := self._server.recv(_BYTES)) and not self._mute:
                self._client.sendall(said)
        self._end()

    def _end(self) -> None:
        _close(self._client)
        _close(self._server)


def _close(connection: socket.socket) -> None:
    # Closing alone would not wake a thread that reads from it.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def proxy_to(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy to the server at `url`, and the URL of the same database through it, unencrypted so that it can read."""
    parts = urlsplit(url)
    proxy = Proxy((parts.hostname or "127.0.0.1", parts.port or 5432))
    user = parts.netloc.rpartition("@")[0]
    query = f"{parts.query}&sslmode=disable&gssencmode=disable".lstrip("&")
    try:
        yield proxy, urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{proxy.port}", query=query))
    finally:
        proxy.close()
