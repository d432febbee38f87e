"""A submission whose answer is lost is sent again, with the key by which the service knows it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from client.api import Gatelab
from client.errors import ApiError, ConnectionFailed
from client.transport import RETRY_PAUSES
from tests.client.fake import FakeService, problem

SPEC = {"corpus": "book"}
KEY = b"idempotency-key"


class Dropper:
    """Passes requests on to a service, and drops the connection before so many of its answers reach the client."""

    def __init__(self, service: FakeService, answers: int) -> None:
        self._service, self._left = service, answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.keys: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        host, port = self._service.url.removeprefix("http://").split(":")
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, socket.create_connection((host, int(port))) as service:
                    service.sendall(self._request(client))
                    answer = _all(service)
                    if self._left == 0:
                        client.sendall(answer)
                    self._left = max(0, self._left - 1)

    def _request(self, client: socket.socket) -> bytes:
        said = b""
        while not said.endswith(b"}"):
            said += client.recv(2**16)
        headers = dict(line.split(b": ", 1) for line in said.split(b"\r\n\r\n")[0].split(b"\r\n")[1:])
        self.keys += [value.decode() for name, value in headers.items() if name.lower() == KEY]
        return said.replace(b"keep-alive", b"close")


def _all(connection: socket.socket) -> bytes:
    """Everything that is said until the other side closes the connection."""
    said = b""
    while more := connection.recv(2**16):
        said += more
    return said


@pytest.fixture(params=[1, len(RETRY_PAUSES), len(RETRY_PAUSES) + 1])
def dropper(request: pytest.FixtureRequest, fake: FakeService) -> Iterator[Dropper]:
    dropper = Dropper(fake, request.param)
    yield dropper
    dropper.close()


def test_it_is_sent_again_with_the_same_key_a_few_times(dropper: Dropper, fake: FakeService) -> None:
    too_often = dropper._left > len(RETRY_PAUSES)
    with Gatelab(dropper.url) as gatelab:
        if too_often:
            with pytest.raises(ConnectionFailed):
                gatelab.submit(SPEC)
        else:
            assert gatelab.submit(SPEC).id == "job-1"
    assert len(fake.asked) == len(dropper.keys) > 1
    assert len(set(dropper.keys)) == 1
    assert all(asked == ("POST", "/v1/jobs", SPEC) for asked in fake.asked)


def keys(gatelab: Gatelab, fake: FakeService, count: int, key: str | None) -> list[str]:
    for _ in range(count):
        gatelab.submit(SPEC, idempotency_key=key)
    return fake.idempotency_keys


def test_every_call_has_a_key_of_its_own(gatelab: Gatelab, fake: FakeService) -> None:
    assert len(set(keys(gatelab, fake, 3, None))) == 3


def test_a_key_may_be_chosen(gatelab: Gatelab, fake: FakeService) -> None:
    assert keys(gatelab, fake, 2, "mine") == ["mine", "mine"]


def test_a_refusal_is_final(gatelab: Gatelab, fake: FakeService) -> None:
    fake.refusals = [problem(503, "unavailable", "Unavailable", "no database")]
    with pytest.raises(ApiError):
        gatelab.submit(SPEC)
    assert len(fake.asked) == 1
