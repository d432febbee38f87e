"""Full passes of the garbage collector, which take at most a small share of the time.

A full pass visits all objects made since the start, while every thread stands still. With the objects of many large
requests this takes 0.1 s, and Python would begin several such passes within seconds. They would find little, because
almost all objects are freed by their reference counts. Passes over younger objects continue as usual.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

LOOK_SECONDS = 0.5
"""Seconds between two checks whether a pass is due."""
WORTH = 10
"""A pass is due after this many passes over younger objects: the number after which Python would begin it."""
SHARE = 0.005
"""The share of the time that passes may take."""
NEVER = 2**31 - 1


@asynccontextmanager
async def collecting_rarely() -> AsyncIterator[None]:
    """Begin full passes here, instead of in the middle of any request that makes objects."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    # All objects so far stay alive, so no pass needs to visit them.
    gc.freeze()
    task = asyncio.create_task(_collect())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        gc.set_threshold(young, middle, old)


async def _collect() -> None:
    due = 0.0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        begun = time.monotonic()
        if begun >= due and gc.get_count()[2] >= WORTH:
            gc.collect()
            ended = time.monotonic()
            due = ended + (ended - begun) / SHARE
