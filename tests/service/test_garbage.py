"""Full passes of the garbage collector: they free what refers to itself, and do not follow one upon the other."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from service import garbage


class _Ring:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(garbage, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(garbage, "WORTH", 0)
    yield
    gc.unfreeze()


class Passes:
    """Counts the full passes of its own thread: other tests may have left an application running in another one."""

    def __init__(self) -> None:
        self.count = 0
        self._thread = threading.get_ident()

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        self.count += phase == "start" and info["generation"] == 2 and threading.get_ident() == self._thread


@pytest.fixture
def passes() -> Iterator[Passes]:
    counted = Passes()
    gc.callbacks.append(counted)
    yield counted
    gc.callbacks.remove(counted)


def test_it_frees_what_refers_to_itself() -> None:
    async def freed() -> None:
        async with garbage.collecting_rarely():
            ring = weakref.ref(_Ring())
            gc.collect(1)  # it is old now, so only a full pass would find it
            while ring() is not None:
                await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(freed(), 60))


def test_no_pass_begins_where_objects_are_made(passes: Passes) -> None:
    async def made() -> int:
        async with garbage.collecting_rarely():
            before = passes.count
            kept = [[number] for number in range(300_000)]
            assert len(kept) == 300_000
            return passes.count - before

    assert asyncio.run(made()) == 0


def test_passes_take_a_small_share_of_the_time(passes: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "SHARE", 1e-9)  # so the second one would come after years

    async def looked() -> int:
        async with garbage.collecting_rarely():
            before = passes.count
            while passes.count == before:
                await asyncio.sleep(0.001)
            for _ in range(50):
                await asyncio.sleep(0.001)
            return passes.count - before

    assert asyncio.run(asyncio.wait_for(looked(), 60)) == 1


def test_it_leaves_the_collector_as_it_was() -> None:
    async def ended() -> None:
        async with garbage.collecting_rarely():
            assert gc.get_threshold()[2] == garbage.NEVER

    before = gc.get_threshold()
    asyncio.run(ended())
    assert gc.get_threshold() == before
