"""The pieces of all choices of a request, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from fastapi.sse import format_sse_event

from service.openai import errors
from service.openai.completing import Completing
from service.openai.logprobs import of_pieces
from service.openai.shapes import Choice, Completion

if TYPE_CHECKING:
    from gatelab.generation import Piece, Pieces


async def events(completing: Completing, writings: "Sequence[Pieces]") -> AsyncIterator[bytes]:
    written = 0
    try:
        async for number, piece, offset in _merged(writings):
            written += len(piece.ids)
            if not piece.text and not piece.finish_reason and completing.body.logprobs is None:
                continue
            logprobs = None if completing.body.logprobs is None else of_pieces(completing, [piece], offset)
            choice = Choice(index=number, text=piece.text, logprobs=logprobs, finish_reason=piece.finish_reason)
            yield _event(completing.answer([choice]))
        options = completing.body.stream_options
        if options is not None and options.include_usage:
            yield _event(completing.answer([], completing.usage(written)))
        yield format_sse_event(data_str="[DONE]")
    except Exception as error:  # the answer has begun: a fault can only be told inside the stream
        yield format_sse_event(data_str=errors.as_json(error))


def _event(answer: Completion) -> bytes:
    return format_sse_event(data_str=answer.model_dump_json())


async def _merged(writings: "Sequence[Pieces]") -> "AsyncIterator[tuple[int, Piece, int]]":
    """The pieces of all choices as they come: the number of the choice, the piece, and where its text begins."""
    pieces: asyncio.Queue[tuple[int, Piece | Exception | None]] = asyncio.Queue()

    async def forward(number: int, writing: "Pieces") -> None:
        try:
            async for piece in writing:
                pieces.put_nowait((number, piece))
            pieces.put_nowait((number, None))
        except Exception as error:
            pieces.put_nowait((number, error))

    tasks = [asyncio.create_task(forward(*each)) for each in enumerate(writings)]
    offsets, open_ones = [0] * len(writings), len(writings)
    try:
        while open_ones:
            number, piece = await pieces.get()
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                open_ones -= 1
                continue
            yield number, piece, offsets[number]
            offsets[number] += len(piece.text)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
