"""The memory of an account's unread streams of changes is bounded."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from gatelab.store import events
from gatelab.store.tables import LOCAL
from service.context import Context
from service.jobs import event_routes
from service.jobs.event_routes import _changes
from service.quotas import Unsent
from service.streams import KEEP_ALIVE
from tests.service.installation import Installation, installation
from tests.service.sse import events as parsed

PATIENCE = 30.0


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setattr(event_routes, "LOOK_SECONDS", 0.01)
    with installation(tmp_path) as service:
        service.add_corpus()
        yield service


def context_of(service: Installation) -> Context:
    context: Context = service.client.app.state.context  # type: ignore[attr-defined]
    return context


async def message(stream: AsyncGenerator[bytes]) -> str:
    """The name of a stream's next event."""
    while (item := await anext(stream)) == KEEP_ALIVE:
        pass
    return parsed(item.decode())[0].name


def test_an_account_holds_so_much_and_no_more() -> None:
    unsent = Unsent(10)
    first = unsent.reserve("ada", 6)
    assert first is not None
    assert unsent.reserve("ada", 5) is None
    assert unsent.reserve("grace", 5) is not None, "accounts do not wait for each other"
    first.resize(2)
    second = unsent.reserve("ada", 8)
    assert second is not None
    for one in (first, second):
        one.resize(0)
    assert unsent.reserve("ada", 11) is not None, "what is larger than all may be there alone"


@pytest.mark.parametrize("leaves", [False, True])
def test_a_stream_waits_until_another_ones_client_has_read_or_left(
    leaves: bool, service: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.submit()
    context = context_of(service)
    monkeypatch.setattr(context.quotas, "unsent", Unsent(1))

    async def look() -> None:
        unread, waiting, foreign = (_changes(context, account, 10) for account in (LOCAL, LOCAL, "grace"))
        assert await message(unread) == "job"
        assert [await anext(waiting) for _ in range(5)] == [KEEP_ALIVE] * 5
        assert await message(foreign) == "ready", "another account has no jobs, and does not wait"
        if leaves:
            await unread.aclose()
        else:
            assert await message(unread) == "ready"
        assert [await message(waiting), await message(waiting)] == ["job", "ready"]
        for stream in (unread, waiting, foreign):
            await stream.aclose()

    asyncio.run(asyncio.wait_for(look(), PATIENCE))


def test_long_specs_are_read_one_at_a_time_and_all_jobs_come_in_their_order(
    service: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted = [service.submit()["id"] for _ in range(10)]
    monkeypatch.setattr(events, "LOOK_CHARACTERS", 1)
    some, more = service.store.jobs.some(submitted[:3])
    assert ([job.id for job in some], more) == (submitted[:1], True)

    async def look() -> list[str]:
        stream = _changes(context_of(service), LOCAL, 9)
        found: list[str] = []
        async for item in stream:
            if item == KEEP_ALIVE:
                continue
            [event] = parsed(item.decode())
            if event.name == "ready":
                break
            found.append(event.data["id"])
        await stream.aclose()
        return found

    assert asyncio.run(asyncio.wait_for(look(), PATIENCE)) == submitted[1:]
