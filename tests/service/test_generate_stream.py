"""The same text, as server-sent events."""

import threading
from typing import Any

import pytest

from gatelab.errors import CorruptCheckpoint
from gatelab.generation import Batcher
from gatelab.generation.decoders import NativeDecoder
from service.streams import Stopping
from tests.service.conftest import Trained
from tests.service.sse import ServerSent, events

SEEDED: dict[str, Any] = {"prompt": "the ", "max_tokens": 30, "seed": 3}


def streamed(trained: Trained, **body: Any) -> list[ServerSent]:
    answer = trained.service.client.post(trained.path("/generate"), json=body | {"stream": True})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    return events(answer.text)


def shown(found: list[ServerSent]) -> str:
    return "".join(event.data["text"] for event in found if event.name == "message")


@pytest.mark.parametrize("stop", [(), ("e",), ("  ", "zzz")])
def test_the_pieces_join_to_the_text(stop: tuple[str, ...], trained: Trained) -> None:
    whole = trained.generate(**SEEDED, stop=stop)
    found = streamed(trained, **SEEDED, stop=stop)
    assert shown(found) == whole.pop("text")
    assert [event.name for event in found].count("done") == 1
    assert (found[-1].name, found[-1].data) == ("done", whole)


@pytest.mark.usefixtures("piecemeal")
def test_no_piece_is_empty(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Batcher, "_steps", lambda *_: 4)
    found = streamed(trained, **SEEDED, stop=["zzz"])
    assert len(found) > 2
    assert all(event.data["text"] for event in found[:-1])


@pytest.mark.usefixtures("piecemeal")
@pytest.mark.parametrize(
    ("error", "kind"),
    [(CorruptCheckpoint("changed on disk"), "corrupt-checkpoint"), (ZeroDivisionError("inner detail"), "internal")],
)
def test_a_fault_in_the_middle_is_told_in_the_stream(
    error: Exception, kind: str, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*arguments: Any, **named: Any) -> Any:
        if calls:
            raise error
        calls.append(arguments)
        return original(*arguments, **named)

    calls: list[Any] = []
    original = NativeDecoder.decode
    monkeypatch.setattr(NativeDecoder, "decode", breaks)
    monkeypatch.setattr(Batcher, "_steps", lambda *_: 1)
    found = streamed(trained, **SEEDED)
    assert [event.name for event in found] == ["message", "error"]
    assert (found[-1].data["type"], found[-1].data["status"]) == (f"urn:gatelab:{kind}", 500)
    assert "inner detail" not in str(found)


@pytest.mark.usefixtures("piecemeal")
def test_a_stream_ends_when_the_service_stops(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream ends after the piece that was on its way, which is not the last; the next waits for the end."""
    ended, decode = threading.Event(), NativeDecoder.decode

    def waits(*arguments: Any, **named: Any) -> Any:
        if calls:
            ended.wait(60)
        calls.append(1)
        return decode(*arguments, **named)

    calls: list[int] = []
    monkeypatch.setattr(NativeDecoder, "decode", waits)
    monkeypatch.setattr(Batcher, "_steps", lambda *_: 1)
    monkeypatch.setattr(Stopping, "__bool__", lambda _: True)
    try:
        found = streamed(trained, **SEEDED)
    finally:
        ended.set()
    assert [event.name for event in found] == ["message"]
