"""Connections that keep the service waiting are closed, and too many of them lock nobody out."""

import asyncio
import logging
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from unittest import mock

import pytest
import uvicorn

from service import connections
from service.__main__ import ACCEPTED_AT_ONCE, copies
from service.__main__ import Server as ServiceServer
from service.connections import Connection, most_connections, raise_file_limit
from service.pacing import Pacing
from tests.processes import free_port
from tests.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf"


class App:
    """Reads a body, unless it refuses it, and answers when the test releases it."""

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), 0
        self.go.set()

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        if scope["type"] == "lifespan":
            return
        self.begun += 1
        if scope["path"] == "/hold":
            self.go.wait()  # and the event loop with it
        if scope["path"] == "/refuse":
            message = {"type": "http.request"}
        else:
            while (message := await receive()).get("more_body"):
                pass
        while not self.go.is_set() and message["type"] != "http.disconnect":
            await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Server:
    def __init__(self, app: App, port: int) -> None:
        self.app, self._port, self.open = app, port, ExitStack()

    def connect(self, sent: bytes = b"") -> socket.socket:
        connection = self.open.enter_context(socket.create_connection(("127.0.0.1", self._port), timeout=60))
        connection.sendall(sent)
        return connection


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(connections, "SECONDS", 3600)
    app, port = App(), free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", http=Connection, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started, "the server has started")
    place = Server(app, port)
    with place.open:
        yield place
    app.go.set()
    server.should_exit = True
    thread.join()


def closed(connection: socket.socket) -> bool:
    """Whether the other side has closed it without an answer. Waits until it answers or closes."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def answered(connection: socket.socket) -> bool:
    received = b""
    while not received.endswith(b"ok"):
        if not (more := connection.recv(65536)):
            return False
        received += more
    return received.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET[:-2], HALF], ids=["nothing", "a line", "headers", "a body"])
def test_who_begins_and_goes_on_no_further_is_cut_off(
    sent: bytes, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS", 0.05)
    assert closed(server.connect(sent))


def test_a_second_request_that_is_not_finished_is_cut_off_too(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = server.connect(GET)
    assert answered(connection)
    monkeypatch.setattr(connections, "SECONDS", 0.05)
    connection.sendall(GET[:-2])
    assert closed(connection)


def test_an_answer_may_take_as_long_as_it_takes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SECONDS", 0.05)
    server.app.go.clear()
    waiting = server.connect(GET)
    assert closed(server.connect()), "as long as another one may idle"
    server.app.go.set()
    assert answered(waiting)


def test_a_body_in_pieces_and_two_requests_on_one_connection(server: Server) -> None:
    connection = server.connect(HALF)
    connection.sendall(b" here!")
    assert answered(connection)
    connection.sendall(GET)
    assert answered(connection)
    connection.sendall(GET + GET)
    assert answered(connection)


def test_idle_connections_make_room_for_new_ones(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 10)
    many = [server.connect(b"GET" * (number % 2)) for number in range(40)]
    assert answered(server.connect(GET))
    assert all(closed(connection) for connection in many[:30])


def test_who_has_a_request_is_not_put_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 3)
    server.app.go.clear()
    working = [server.connect(GET) for _ in range(3)]
    eventually(lambda: server.app.begun == 3, "all three are at work")
    assert closed(server.connect(GET)), "there is no room"
    server.app.go.set()
    assert all(answered(connection) for connection in working)


def test_those_who_have_gone_before_they_were_let_in_cost_no_work(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.app.go.clear()
    holding = server.connect(GET.replace(b"/", b"/hold", 1))
    eventually(lambda: server.app.begun == 1, "the loop is held up")
    for _ in range(20):
        server.connect(GET).close()
    stays = server.connect(GET)
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(caplog.handler)
    server.app.go.set()
    assert answered(holding)
    assert answered(stays)
    logger.removeHandler(caplog.handler)
    assert server.app.begun == 2
    assert not caplog.records


def test_a_body_that_was_refused_arrives_at_a_pace(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    pacing = Pacing()
    calls = mock.Mock(wraps=pacing.call)
    monkeypatch.setattr(pacing, "call", calls)
    monkeypatch.setattr(connections, "large_pieces", lambda: pacing)
    size = 3_000_000
    connection = server.connect(f"POST /refuse HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
    assert answered(connection)
    connection.sendall(b"x" * size)
    connection.sendall(GET)
    assert answered(connection), "the next request follows the whole body"
    assert calls.call_count >= size / 2**18


def test_a_server_listens_several_times_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        found = copies(one)
        assert {each.getsockname() for each in found} == {one.getsockname()}
        assert len({each.fileno() for each in [one, *found]}) == ACCEPTED_AT_ONCE
        for each in found:
            each.close()
    server = ServiceServer(uvicorn.Config(App(), port=free_port(), log_level="error", http=Connection, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started and len(server.servers) == ACCEPTED_AT_ONCE, "the server listens")
    place = Server(App(), server.config.port)
    with place.open:
        for connection in [place.connect(GET) for _ in range(3 * ACCEPTED_AT_ONCE)]:
            assert answered(connection)
    server.should_exit = True
    thread.join()


def test_a_process_may_open_as_many_files_as_its_connections_need() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
        assert most_connections() == 300 - connections.RESERVED
        raise_file_limit()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert most_connections() == min(connections.MOST, soft - connections.RESERVED)
        assert soft in (hard, connections.MOST + connections.RESERVED)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
