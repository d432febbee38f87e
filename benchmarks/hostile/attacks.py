"""What an account with an ordinary key may try, each until its caller stops it."""

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
    """Where the attacker stands: its key, and what it has there."""

    url: str
    key: str
    small: str
    """A run of few units."""
    large: str
    """A run whose checkpoint has tens of megabytes, and its step."""
    step: int
    corpus: str

    def post(self, path: str, body: object) -> int:
        return self.send("POST", path, json.dumps(body).encode())

    def send(self, method: str, path: str, content: bytes = b"") -> int:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            answer = httpx2.request(method, self.url + path, content=content, headers=headers, timeout=TIMEOUT)
        except httpx2.TransportError:
            return 0
        return answer.status_code

    def leave(self, path: str, body: object) -> None:
        """Ask, and go without waiting."""
        with self.connection(path, body):
            time.sleep(0.05)

    @contextmanager
    def connection(self, path: str, body: object | None = None) -> Iterator[socket.socket]:
        """A connection on which something was asked for, and which nobody reads."""
        address = urlsplit(self.url)
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        head += f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(60)
            connection.connect((address.hostname, address.port))
            with suppress(OSError):
                connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            yield connection


Attack = Callable[[Ground, threading.Event], None]


def repeated(count: int, act: Callable[[Ground], object]) -> Attack:
    """`count` threads that do this again and again."""

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
    """What neighbours notice anyway."""
    over.wait()


def half_open(ground: Ground, over: threading.Event) -> None:
    """Connections that never finish their request."""
    address = urlsplit(ground.url)
    with ExitStack() as stack:
        for number in range(1100):
            if over.is_set():
                break
            with suppress(OSError):
                connection = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=5))
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n"[: number % 30])
        over.wait()


STOPS = ["a" * length + "b" for length in range(936, 1000)]

ATTACKS: dict[str, Attack] = {
    "nothing": nothing,
    "300 kB of wrong items in a prompt": repeated(
        4, lambda g: g.post("/v1/completions", {"model": g.small, "prompt": [{}] * 100_000})
    ),
    "64 stop strings that nearly match": repeated(
        4,
        lambda g: g.post(
            f"/v1/runs/{g.small}/generate",
            {"prompt": "a", "max_tokens": 3000, "stop": STOPS, "logit_bias": {"3": 100}},
        ),
    ),
    "scores of 2 MB whose clients leave": repeated(
        45, lambda g: g.leave(f"/v1/runs/{g.large}/score", {"texts": ["the time machine " * 5000] * 24})
    ),
    "scores without a pause": repeated(
        16, lambda g: g.post(f"/v1/runs/{g.large}/score", {"texts": ["the time machine " * 500] * 8})
    ),
    "1,100 half-open connections": half_open,
    "24 unread streams with log-probabilities": held_open(
        24,
        lambda _: "/v1/completions",
        lambda g: {"model": g.small, "prompt": "a", "max_tokens": 30_000, "stream": True, "logprobs": 20},
    ),
    "32 unread downloads of a checkpoint": held_open(
        32, lambda g: f"/v1/runs/{g.large}/checkpoints/{g.step}", lambda _: None
    ),
    "60 unread lists of changes": held_open(60, lambda _: "/v1/jobs/changes?limit=1000", lambda _: None),
    "the alphabet of 16 MB, 8 at once": repeated(8, lambda g: g.send("GET", f"/v1/corpora/{g.corpus}/alphabet")),
    "a character of 16 MB, 40 at once": repeated(
        40, lambda g: g.send("GET", f"/v1/corpora/{g.corpus}/text?characters=1")
    ),
    "dry runs of 1,000 runs": repeated(
        8,
        lambda g: g.post(
            "/v1/jobs?dry_run=true",
            {"corpus": g.corpus, "grid": {"training.optimizer.lr": [n / 1000 for n in range(1, 1001)]}},
        ),
    ),
    "echo with log-probabilities": repeated(
        8,
        lambda g: g.post(
            "/v1/completions",
            {"model": g.small, "prompt": "the time " * 2000, "max_tokens": 0, "echo": True, "logprobs": 20},
        ),
    ),
}
