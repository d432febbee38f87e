"""An attacker's key and runs, and the ways in which it sends requests."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

TIMEOUT = httpx2.Timeout(60)


@dataclass(frozen=True)
class Ground:
    """The attacker's address, key, runs and corpus."""

    url: str
    key: str
    small: str
    """A run of a model with few units."""
    large: str
    """A run with a checkpoint of tens of megabytes, and the checkpoint's step."""
    step: int
    corpus: str

    def post(self, path: str, body: object) -> int:
        return self.send("POST", path, encoded(body))

    def send(self, method: str, path: str, content: bytes = b"") -> int:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            answer = httpx2.request(method, self.url + path, content=content, headers=headers, timeout=TIMEOUT)
        except httpx2.TransportError:
            return 0
        return answer.status_code

    def leave(self, path: str, body: object) -> None:
        """Send a request, and disconnect without waiting for the answer."""
        with self.connection(path, body):
            time.sleep(0.05)

    @contextmanager
    def connection(self, path: str, body: object | None = None) -> Iterator[socket.socket]:
        """A connection with a request on it, whose answer nobody reads."""
        address = urlsplit(self.url)
        content = b"" if body is None else encoded(body)
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        head += f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(60)
            connection.connect((address.hostname, address.port))
            with suppress(OSError):
                connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            yield connection


def encoded(body: object) -> bytes:
    """A body of bytes is sent as it is. Encoding it for each request would cost the attacker time of its own."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


Attack = Callable[[Ground, threading.Event], None]


def repeated(count: int, act: Callable[[Ground], object]) -> Attack:
    """`count` threads that repeat this."""

    def attack(ground: Ground, over: threading.Event) -> None:
        def work() -> None:
            while not over.is_set():
                act(ground)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        over.wait()
        for thread in threads:
            thread.join(60)

    return attack


def held_open(count: int, path: Callable[[Ground], str], body: Callable[[Ground], object | None]) -> Attack:
    """`count` connections whose answers nobody reads."""

    def attack(ground: Ground, over: threading.Event) -> None:
        with ExitStack() as stack:
            for _ in range(count):
                with suppress(OSError):
                    stack.enter_context(ground.connection(path(ground), body(ground)))
            over.wait()

    return attack


def nothing(_: Ground, over: threading.Event) -> None:
    """Ignore errors of the attacker's own requests. The neighbours show what matters."""
    over.wait()


def slow(count: int, path: Callable[[Ground], str]) -> Attack:
    """`count` connections that read a few bytes of their answer at a time."""

    def attack(ground: Ground, over: threading.Event) -> None:
        with ExitStack() as stack:
            connections = [stack.enter_context(ground.connection(path(ground))) for _ in range(count)]
            while not over.wait(0.05):
                for connection in connections:
                    with suppress(OSError):
                        connection.recv(2048)

    return attack


def burst(count: int, act: Callable[[Ground], object]) -> Attack:
    """`count` threads that all do this at once, and only once."""

    def attack(ground: Ground, over: threading.Event) -> None:
        for _ in range(count):
            threading.Thread(target=act, args=(ground,), daemon=True).start()
        over.wait()

    return attack
