"""The pieces of several choices are taken no faster than a client reads them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from service.openai.streaming import _merged


def test_pieces_that_nobody_takes_are_not_asked_for() -> None:
    asked: list[int] = []

    async def pieces(number: int) -> AsyncIterator[int]:
        for piece in range(1000):
            asked.append(number)
            yield piece

    async def scene() -> None:
        merged = _merged(cast(Any, [pieces(0), pieces(1)]))
        found = [await anext(merged) for _ in range(3)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(asked) <= 3 + 1 + 2, "what was taken, what waits, and one of each that waits for a place"
        found += [item async for item in merged]
        for number in range(2):
            assert [cast(int, piece) for source, piece in found if source == number] == list(range(1000))

    asyncio.run(scene())
