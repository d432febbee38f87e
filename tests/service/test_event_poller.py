"""One query finds the jobs with new events for all streams."""

import asyncio
import time
from unittest import mock

import pytest

from gatelab.errors import Unavailable
from gatelab.store.events import Event, Events
from service.jobs.event_poller import EventPoller
from tests.service.installation import Installation


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The jobs of each query."""
    found: list[list[str]] = []
    counts = Events.counts

    def counting(self: Events, job_ids: list[str]) -> dict[str, int]:
        found.append(job_ids)
        return counts(self, job_ids)

    monkeypatch.setattr(Events, "counts", counting)
    return found


def test_many_streams_cost_one_look(service: Installation, looks: list[list[str]]) -> None:
    service.add_corpus()
    jobs = [service.submit()["id"] for _ in range(3)]
    news = EventPoller(service.store)

    async def ask() -> list[bool]:
        return [await news.of(job, seen, seconds=600) for job in jobs for seen in (0, 1) for _ in range(50)]

    with news.watched(jobs[0]), news.watched(jobs[1]), news.watched(jobs[2]), news.watched(jobs[0]):
        found = asyncio.run(ask())
    assert looks == [jobs]
    assert found == ([True] * 50 + [False] * 50) * 3, "each job has one event"


def test_many_streams_read_news_once(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    service.add_corpus()
    job = service.submit()["id"]
    since, reads = Events.since, []

    def counting(self: Events, job_id: str, seq: int) -> tuple[bool, list[Event]]:
        reads.append((job_id, seq))
        return since(self, job_id, seq)

    monkeypatch.setattr(Events, "since", counting)
    poller = EventPoller(service.store)

    async def ask() -> None:
        for _ in range(2):  # side by side, and after the first have their answers
            found = await asyncio.gather(*(poller.since(job, 0, 600) for _ in range(20)))
            assert all(news == found[0] for news in found)
        [(number, message)] = found[0].events
        assert (number, found[0].ended) == (1, False)
        assert message.startswith(b"event: ")
        assert reads == [(job, 0)]
        for number in (1, 2):
            assert (await poller.since(job, 1, 600)).events == []
            assert reads[1:] == [(job, 1)] * number, "there may be some now"

    asyncio.run(ask())


def test_news_are_forgotten(service: Installation) -> None:
    service.add_corpus()
    job = service.submit()["id"]
    poller = EventPoller(service.store)

    async def ask() -> None:
        assert (await poller.since(job, 0, 0.001)).events
        while poller._readings:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(ask(), 60))


def test_a_fault_reaches_all_who_share_it_and_nobody_later(
    service: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.add_corpus()
    job = service.submit()["id"]
    poller = EventPoller(service.store)

    async def ask() -> None:
        with monkeypatch.context() as away:
            away.setattr(Events, "since", mock.Mock(side_effect=Unavailable("the database cannot be reached now")))
            found = await asyncio.gather(*(poller.since(job, 0, 600) for _ in range(3)), return_exceptions=True)
            assert [type(each) for each in found] == [Unavailable] * 3
        assert (await poller.since(job, 0, 600)).events

    asyncio.run(ask())


def test_the_first_look_does_not_wait_on_a_machine_that_has_just_booted(
    service: Installation, looks: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    service.add_corpus()
    job = service.submit()["id"]
    monkeypatch.setattr(time, "monotonic", lambda: 1.0)
    news = EventPoller(service.store)
    with news.watched(job):
        assert asyncio.run(news.of(job, 0, seconds=600))
    assert looks == [[job]]


def test_a_job_that_is_gone_is_news_and_one_that_nobody_watches_is_not_asked_for(
    service: Installation, looks: list[list[str]]
) -> None:
    service.add_corpus()
    kept, gone = (service.submit()["id"] for _ in range(2))
    news = EventPoller(service.store)
    with news.watched(gone):
        with news.watched(kept):
            assert not asyncio.run(news.of(kept, 1, seconds=0))
        service.store.jobs.cancel(gone)
        service.store.jobs.delete(gone)
        assert asyncio.run(news.of(gone, 99, seconds=0))
    assert looks == [[gone, kept], [gone]]


def test_while_the_database_is_away_there_is_no_news(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: Events, job_ids: list[str]) -> dict[str, int]:
        raise Unavailable("the database cannot be reached now")

    service.add_corpus()
    job = service.submit()["id"]
    monkeypatch.setattr(Events, "counts", away)
    news = EventPoller(service.store)
    with news.watched(job):
        assert not asyncio.run(news.of(job, 0, seconds=0))
