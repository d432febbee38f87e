"""A client that goes away: what was written for it is dropped at the next step."""

import time
from typing import Any

import httpx2
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
    with serving(app) as url, httpx2.Client(base_url=url, timeout=1) as client:
        if stream:
            with client.stream("POST", trained.path("/generate"), json=body) as answer:
                next(answer.iter_lines())
        else:
            with pytest.raises(httpx2.ReadTimeout):
                client.post(trained.path("/generate"), json=body)
        batcher = app.state.context.models.batcher
        eventually(lambda: not batcher._running, "nothing is written any more")
    assert 0 < len(steps) < TOKENS
