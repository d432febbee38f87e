"""Answers of megabytes arrive in pieces, with the headers of the whole answer."""

import asyncio
from typing import Any

import pytest
from fastapi import Response
from starlette.background import BackgroundTask
from starlette.types import Message

from service import large_answers
from service.large_answers import PIECE_BYTES, in_pieces
from tests.service.conftest import Trained


def sent(answer: Response) -> list[Message]:
    found: list[Message] = []

    async def send(message: Message) -> None:
        found.append(message)

    async def receive() -> Message:
        await asyncio.sleep(3600)
        raise AssertionError

    scope: dict[str, Any] = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}, "extensions": {}}
    asyncio.run(answer(scope, receive, send))
    return found


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES])
def test_it_is_the_same_answer(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    answer = Response(body[:size], 201, {"X-Name": "value"}, media_type="application/x-npz")
    (start, *pieces), plain = sent(in_pieces(answer)), sent(answer)
    assert start == plain[0]
    assert b"".join(piece["body"] for piece in pieces) == body[:size]
    assert all(len(piece["body"]) <= PIECE_BYTES for piece in pieces)
    assert [piece.get("more_body", False) for piece in pieces] == [True] * (len(pieces) - 1) + [False]


def test_work_after_the_answer_is_done() -> None:
    done: list[int] = []
    sent(in_pieces(Response(b"x" * (PIECE_BYTES + 1), background=BackgroundTask(done.append, 1))))
    assert done == [1]


def test_a_large_answer_of_the_service_arrives_whole(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_answers, "PIECE_BYTES", 1000)
    body = {"text": "the time machine " * 10}
    answer = trained.service.client.post(trained.path("/gates"), json=body)
    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["content-length"]) > 1000
    assert len(answer.json()["tokens"]) == 1 + len(body["text"])
