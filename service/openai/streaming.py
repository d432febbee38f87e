"""The pieces of all choices of a request, as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from fastapi.sse import format_sse_event

from gatelab.wire.completions import Choice, Completion
from service.openai import errors
from service.openai.logprobs import Told
from service.openai.requests import Completing
from service.pacing import large_pieces

if TYPE_CHECKING:
    from gatelab.generation import Piece, Pieces


async def events(completing: Completing, writings: "Sequence[Pieces]") -> AsyncGenerator[bytes]:
    written = 0
    told: list[Told] = []
    if completing.body.logprobs is not None:
        told = [Told(completing, prompt) for _, prompt in completing.choices]
    try:
        async for number, piece in _merged(writings):
            if told:
                await large_pieces().turn()
            written += len(piece.ids)
            logprobs = told[number].add(piece) if told else None
            if not piece.text and not piece.finish_reason and logprobs is None:
                continue
            choice = Choice(index=number, text=piece.text, logprobs=logprobs, finish_reason=piece.finish_reason)
            yield _event(completing.answer([choice]))
        options = completing.body.stream_options
        if options is not None and options.include_usage:
            yield _event(completing.answer([], completing.usage(written)))
        yield format_sse_event(data_str="[DONE]")
    except Exception as error:  # the answer has begun: a fault can only be reported inside the stream
        yield format_sse_event(data_str=errors.as_json(error))


def _event(answer: Completion) -> bytes:
    return format_sse_event(data_str=answer.model_dump_json())


async def _merged(writings: "Sequence[Pieces]") -> "AsyncIterator[tuple[int, Piece]]":
    """The pieces of all choices as they come, each with the number of its choice. Pieces that nobody reads stay with
    their writer, which pauses."""
    pieces: asyncio.Queue[tuple[int, Piece | Exception | None]] = asyncio.Queue(maxsize=1)

    async def forward(number: int, writing: "Pieces") -> None:
        try:
            async for piece in writing:
                await pieces.put((number, piece))
            await pieces.put((number, None))
        except Exception as error:
            await pieces.put((number, error))

    tasks = [asyncio.create_task(forward(*each)) for each in enumerate(writings)]
    open_ones = len(writings)
    try:
        while open_ones:
            number, piece = await pieces.get()
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                open_ones -= 1
                continue
            yield number, piece
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
