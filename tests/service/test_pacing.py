"""Pieces of large bodies arrive one in each iteration of the event loop, in the order of their requests."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive

from service.pacing import Pacing

BODY = [b"the", b"time", b"machine", b""]


def receiver(pieces: list[bytes]) -> Receive:
    messages: Iterator[Message] = iter(
        [
            *({"type": "http.request", "body": piece, "more_body": piece != pieces[-1]} for piece in pieces),
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> Message:
        return next(messages)

    return receive


async def whole(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    return body


@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_body_arrives_whole(count: int) -> None:
    async def received() -> list[bytes]:
        pacing = Pacing()
        return await asyncio.gather(*(whole(pacing.paced(receiver(BODY))) for _ in range(count)))

    assert asyncio.run(received()) == [b"".join(BODY)] * count


def test_an_iteration_gives_one_turn_and_in_order() -> None:
    async def given() -> list[list[int]]:
        pacing, now, iterations = Pacing(), list[int](), list[list[int]]()

        async def take(number: int) -> None:
            await pacing.turn()
            now.append(number)

        tasks = [asyncio.create_task(take(number)) for number in range(9)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            if now:
                iterations.append(now.copy())
                now.clear()
        return iterations

    assert asyncio.run(given()) == [[number] for number in range(9)]


def test_a_cancelled_request_gives_its_turn_to_the_next() -> None:
    async def next_one() -> None:
        pacing = Pacing()
        first, second = (asyncio.create_task(pacing.turn()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await second
        await pacing.turn()

    asyncio.run(asyncio.wait_for(next_one(), 60))


def test_behind_the_body_nothing_waits() -> None:
    """The application asks without waiting whether its client has gone."""

    async def asked() -> Message:
        pacing = Pacing()
        receive = pacing.paced(receiver(BODY))
        await whole(receive)
        asking = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        return asking.result()

    assert asyncio.run(asked()) == {"type": "http.disconnect"}


def test_the_first_in_an_iteration_does_not_wait() -> None:
    async def taken() -> list[bool]:
        pacing, done = Pacing(), []
        for _ in range(3):
            task = pacing.turn()
            with pytest.raises(StopIteration):
                task.send(None)  # it ends without waiting
            done.append(True)
            await asyncio.sleep(0)
        return done

    assert asyncio.run(taken()) == [True] * 3
