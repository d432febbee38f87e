"""If a client disconnects, its text is dropped at the next step."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np
import pytest

from gatelab.generation import Batcher, Piece
from gatelab.generation.decoders import NativeDecoder
from service.app import create_app
from service.generation.admission import until_gone
from tests.service.conftest import Trained
from tests.service.live import serving
from tests.waiting import eventually

STEP_SECONDS = 0.05
TOKENS = 200
"""A text that takes ten seconds if nobody disconnects."""


@pytest.mark.usefixtures("piecemeal")
@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_is_no_longer_written_for(stream: bool, trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*arguments: Any, **named: Any) -> Any:
        time.sleep(STEP_SECONDS)
        steps.append(1)
        return decode(*arguments, **named)

    steps: list[int] = []
    decode = NativeDecoder.decode
    monkeypatch.setattr(NativeDecoder, "decode", slow)
    monkeypatch.setattr(Batcher, "_steps", lambda *_: 1)
    app = create_app(trained.service.settings)
    body = {"prompt": "the ", "max_tokens": TOKENS, "stream": stream}
    with serving(app) as url:
        with ask(url, trained.path("/generate"), body):
            eventually(lambda: len(steps) > 2, "the service writes")
        batcher = app.state.context.models.batcher
        eventually(lambda: not batcher._running, "nothing is written any more")
    assert len(steps) < TOKENS


def ask(url: str, path: str, body: dict[str, Any]) -> socket.socket:
    """A connection with a request on it, whose answer nobody reads."""
    address = urlsplit(url)
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
    connection = socket.create_connection((address.hostname, address.port))
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection


@pytest.mark.parametrize(("reasons", "looks"), [([None, None, "length"], 2), (["stop"], 0)])
def test_after_the_last_piece_nobody_looks_whether_the_client_is_there(reasons: list[Any], looks: int) -> None:
    class Connection:
        looked = 0

        async def is_disconnected(self) -> bool:
            self.looked += 1
            return False

    async def pieces() -> AsyncIterator[Piece]:
        for reason in reasons:
            yield Piece("", np.zeros(1, np.int64), None, reason)

    async def read() -> int:
        connection, written = Connection(), cast(Any, pieces())
        assert len([piece async for piece in until_gone(cast(Any, connection), written)]) == len(reasons)
        return connection.looked

    assert asyncio.run(read()) == looks
