"""A client that goes away: what was written for it is dropped at the next step."""

import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from gatelab.generation import Batcher
from gatelab.generation.decoders import NativeDecoder
from service.app import create_app
from tests.service.conftest import Trained
from tests.service.live import serving
from tests.waiting import eventually

STEP_SECONDS = 0.05
TOKENS = 200
"""Ten seconds of writing, if nobody leaves."""


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
    """A connection on which something was asked for, and which answers nobody reads."""
    address = urlsplit(url)
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
    connection = socket.create_connection((address.hostname, address.port))
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection
