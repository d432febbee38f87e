"""The client sends a submission whose answer is lost again, with the key by which the service recognizes it."""

import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from gatelab.client import transport
from gatelab.client.api import Gatelab
from gatelab.client.errors import ApiError, ConnectionFailed
from gatelab.errors import Unavailable
from gatelab.store.jobs import Jobs
from tests.client.live import Live
from tests.service.installation import SPEC

SOME_BYTES = 2**16


class Losing(socketserver.ThreadingTCPServer):
    """Forwards bytes to a service and back, and breaks the connection instead of returning the first answers."""

    def __init__(self, service: str, answers: int) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        address = urlsplit(service)
        self.service = address.hostname, address.port
        self._left = answers

    def loses(self) -> bool:
        """Whether to lose the answer that begins now."""
        self._left -= 1
        return self._left >= 0


class Connection(socketserver.BaseRequestHandler):
    server: Losing

    def handle(self) -> None:
        with socket.create_connection(self.server.service) as service:
            to = {self.request: service, service: self.request}
            while True:
                for source in select.select(list(to), [], [])[0]:
                    part = source.recv(SOME_BYTES)
                    if not part or (source is service and self.server.loses()):
                        return
                    to[source].sendall(part)


@contextmanager
def losing(service: str, answers: int) -> Iterator[str]:
    """The URL of a proxy that loses the first answers of a service."""
    with Losing(service, answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def keys(live: Live) -> list[str]:
    """The keys of all submissions that reached the service."""
    assert {str(asked) for asked in live.wire.asked} == {"POST /v1/jobs"}
    return [asked.headers["idempotency-key"] for asked in live.wire.asked]


@pytest.mark.parametrize("lost", range(1, len(transport.RETRY_PAUSES) + 1))
def test_it_is_sent_again_with_the_same_key_and_makes_one_job(fresh: Live, lost: int) -> None:
    with losing(fresh.url, lost) as url, Gatelab(url) as gatelab:
        job = gatelab.submit(SPEC)
    assert [made["id"] for made in fresh.raw("/v1/jobs")["data"]] == [job.id]
    assert len(keys(fresh)) == lost + 1
    assert len(set(keys(fresh))) == 1
    assert all(asked.body == SPEC for asked in fresh.wire.asked)


def test_it_is_given_up_after_a_few_times(fresh: Live) -> None:
    attempts = len(transport.RETRY_PAUSES) + 1
    with losing(fresh.url, attempts) as url, Gatelab(url) as gatelab, pytest.raises(ConnectionFailed):
        gatelab.submit(SPEC)
    assert len(keys(fresh)) == attempts
    assert len(set(keys(fresh))) == 1
    assert len(fresh.raw("/v1/jobs")["data"]) == 1


def test_what_only_reads_is_asked_again_without_a_key(fresh: Live) -> None:
    job = fresh.service.submit()["id"]
    with losing(fresh.url, 1) as url, Gatelab(url) as gatelab:
        assert gatelab.job(job).id == job
    assert [str(asked) for asked in fresh.wire.asked] == [f"GET /v1/jobs/{job}"] * 2


def test_any_other_request_is_sent_once(fresh: Live) -> None:
    job = fresh.service.submit()["id"]
    with losing(fresh.url, 1) as url, Gatelab(url) as gatelab, pytest.raises(ConnectionFailed):
        gatelab.pause(job)
    assert [str(asked) for asked in fresh.wire.asked] == [f"POST /v1/jobs/{job}/pause"]


def test_every_call_has_a_key_of_its_own(writer: Gatelab, fresh: Live) -> None:
    jobs = {writer.submit(SPEC).id for _ in range(3)}
    assert len(jobs) == len(set(keys(fresh))) == 3


def test_a_key_may_be_chosen(writer: Gatelab, fresh: Live) -> None:
    jobs = {writer.submit(SPEC, idempotency_key="mine").id for _ in range(2)}
    assert len(jobs) == 1
    assert keys(fresh) == ["mine", "mine"]


def test_a_refusal_is_final(writer: Gatelab, fresh: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("no database")

    monkeypatch.setattr(Jobs, "create", away)
    with pytest.raises(ApiError, match="no database") as caught:
        writer.submit(SPEC)
    assert caught.value.status == 503
    assert len(fresh.wire.asked) == 1
