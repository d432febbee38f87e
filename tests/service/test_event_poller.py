"""One query finds the jobs with new events for all streams."""

import asyncio
import time

import pytest

from gatelab.errors import Unavailable
from gatelab.store.events import Events
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
