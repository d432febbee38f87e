"""A request's address and headers: not longer than allowed, and with exactly one Host."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from service.app import create_app
from service.connections import Connection
from service.http_parsing import MOST_HEAD_BYTES, StrictHttpTools
from tests.service.conftest import Trained
from tests.service.live import serving

HOST = "Host: localhost\r\n"


@pytest.fixture(scope="module")
def address(trained: Trained) -> Iterator[tuple[str, int]]:
    with serving(create_app(trained.service.settings)) as url:
        parts = urlsplit(url)
        yield str(parts.hostname), int(parts.port or 0)


def status(address: tuple[str, int], *sent: str) -> int:
    """The status of the answer to one request, which is sent in these pieces."""
    with socket.create_connection(address, timeout=60) as connection:
        for piece in sent:
            try:
                connection.sendall(piece.encode("latin-1"))
            except OSError:  # it has been refused already
                break
        received = b""
        while b"\r\n" not in received and (more := connection.recv(4096)):
            received += more
    return int(received.split(b" ", 2)[1])


def test_the_service_s_connections_are_read_so() -> None:
    assert issubclass(Connection, StrictHttpTools)


@pytest.mark.parametrize("hosts", ["", HOST + HOST, HOST + "Host: other.example\r\n"])
def test_a_request_says_once_for_whom_it_asks(hosts: str, address: tuple[str, int]) -> None:
    assert status(address, f"GET /healthz HTTP/1.1\r\n{hosts}\r\n") == 400


@pytest.mark.parametrize("pieces", [1, 40])
def test_a_head_may_be_so_long_and_no_longer(pieces: int, address: tuple[str, int]) -> None:
    def sent(length: int) -> list[str]:
        begin, end = f"GET /healthz HTTP/1.1\r\n{HOST}X-Long: ", "\r\n\r\n"
        text = begin + "x" * (length - len(begin) - len(end)) + end
        step = -(-length // pieces)
        return [text[at : at + step] for at in range(0, length, step)]

    assert status(address, *sent(MOST_HEAD_BYTES - 1000)) == 200
    assert status(address, *sent(MOST_HEAD_BYTES + 1000)) == 400


def test_a_head_without_an_end_is_refused_before_it_fills_the_memory(address: tuple[str, int]) -> None:
    assert status(address, "GET /healthz HTTP/1.1\r\nX-Long: ", *["x" * 8192] * 20) == 400


@pytest.mark.parametrize("line", ["GET / HTTP/9.9", "NONSENSE", "GET /\x00 HTTP/1.1", "GET \xff HTTP/1.1"])
def test_what_is_no_request_is_refused(line: str, address: tuple[str, int]) -> None:
    assert status(address, f"{line}\r\n{HOST}\r\n") == 400


def test_the_next_request_on_a_connection_is_counted_for_itself(address: tuple[str, int]) -> None:
    long = f"GET /healthz HTTP/1.1\r\n{HOST}X-Long: {'x' * (MOST_HEAD_BYTES // 2)}\r\n\r\n"
    with socket.create_connection(address, timeout=60) as connection:
        for _ in range(4):
            connection.sendall(long.encode())
            received = b""
            while not received.endswith(b'{"status":"ok"}'):
                more = connection.recv(4096)
                assert more
                received += more
