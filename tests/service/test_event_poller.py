"""One query finds the jobs with new events for all waiting streams, and another one reads them."""

import asyncio
from unittest import mock

import pytest

from gatelab.errors import Unavailable
from gatelab.store.events import Event, Events
from service.jobs import event_poller
from service.jobs.event_poller import EventPoller
from service.streams import Stopping
from tests.service.installation import Installation

SOON = 0.001
LONG = 600.0
"""Seconds that no test waits."""


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


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_poller, "LOOK_SECONDS", SOON)


def poller_of(service: Installation) -> EventPoller:
    return EventPoller(service.store, Stopping())


def submitted(service: Installation, count: int = 1) -> list[str]:
    """Jobs, each of which has one event."""
    service.add_corpus()
    return [service.submit()["id"] for _ in range(count)]


def test_many_streams_cost_one_look(service: Installation, looks: list[list[str]]) -> None:
    jobs, poller = submitted(service, 3), poller_of(service)

    async def wait() -> None:
        assert all(await asyncio.gather(*(poller.wait(job, 0, LONG) for job in jobs for _ in range(50))))

    asyncio.run(asyncio.wait_for(wait(), 60))
    assert looks == [jobs]


def test_streams_that_have_seen_all_wait_for_more(service: Installation, looks: list[list[str]]) -> None:
    [job], poller = submitted(service), poller_of(service)

    async def wait() -> bool:
        waiting = [asyncio.create_task(poller.wait(job, 1, LONG)) for _ in range(5)]
        while len(looks) < 3:
            await asyncio.sleep(SOON)
        assert not any(task.done() for task in waiting)
        service.store.jobs.cancel(job)
        return all(await asyncio.gather(*waiting))

    assert asyncio.run(asyncio.wait_for(wait(), 60))


def test_a_stream_waits_no_longer_than_it_wants(service: Installation) -> None:
    [job], poller = submitted(service), poller_of(service)
    assert not asyncio.run(asyncio.wait_for(poller.wait(job, 1, 0.05), 60))
    assert not poller._waiting


def test_where_nobody_waits_nobody_looks(service: Installation, looks: list[list[str]]) -> None:
    [job], poller = submitted(service), poller_of(service)

    async def wait() -> None:
        await poller.wait(job, 0, LONG)
        assert poller._looking is not None
        await poller._looking

    asyncio.run(asyncio.wait_for(wait(), 60))
    assert looks == [[job]]
    asyncio.run(asyncio.wait_for(wait(), 60))  # another loop, with a task of its own
    assert looks == [[job]] * 2


def test_a_job_that_is_gone_is_news(service: Installation) -> None:
    [job], poller = submitted(service), poller_of(service)
    service.store.jobs.cancel(job)
    service.store.jobs.delete(job)
    assert asyncio.run(asyncio.wait_for(poller.wait(job, 99, LONG), 60))


def test_while_the_database_is_away_there_is_no_news(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    [job], poller = submitted(service), poller_of(service)

    async def wait() -> bool:
        with monkeypatch.context() as away:
            asked = mock.Mock(side_effect=Unavailable("the database cannot be reached now"))
            away.setattr(Events, "counts", asked)
            waiting = asyncio.create_task(poller.wait(job, 0, LONG))
            while asked.call_count < 3:
                await asyncio.sleep(SOON)
            assert not waiting.done()
        return await waiting

    assert asyncio.run(asyncio.wait_for(wait(), 60))


def test_all_wake_when_the_service_stops(service: Installation) -> None:
    [job], stopping = submitted(service), Stopping()
    poller = EventPoller(service.store, stopping)

    async def wait() -> None:
        waiting = [asyncio.create_task(poller.wait(job, 1, LONG)) for _ in range(3)]
        await asyncio.sleep(SOON)
        stopping._asked.set()
        await asyncio.gather(*waiting)

    asyncio.run(asyncio.wait_for(wait(), 60))


def test_many_streams_read_news_once(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_poller, "LOOK_SECONDS", LONG)
    [job], poller = submitted(service), poller_of(service)
    since, reads = Events.since, []

    def counting(self: Events, job_id: str, seq: int) -> tuple[bool, list[Event]]:
        reads.append((job_id, seq))
        return since(self, job_id, seq)

    monkeypatch.setattr(Events, "since", counting)

    async def ask() -> None:
        for _ in range(2):  # side by side, and after the first have their answers
            found = await asyncio.gather(*(poller.since(job, 0) for _ in range(20)))
            assert all(news == found[0] for news in found)
        [(number, message)] = found[0].events
        assert (number, found[0].ended) == (1, False)
        assert message.startswith(b"event: ")
        assert reads == [(job, 0)]
        for number in (1, 2):
            assert (await poller.since(job, 1)).events == []
            assert reads[1:] == [(job, 1)] * number, "there may be some now"

    asyncio.run(ask())


def test_clients_of_an_ended_job_share_one_query(
    service: Installation, looks: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_poller, "LOOK_SECONDS", LONG)
    [job] = submitted(service)
    service.work()
    since, reads = Events.since, []

    def counting(self: Events, job_id: str, seq: int) -> tuple[bool, list[Event]]:
        reads.append(seq)
        return since(self, job_id, seq)

    monkeypatch.setattr(Events, "since", counting)
    first, second = (service.client.get(f"/v1/jobs/{job}/events").text for _ in range(2))
    assert first == second
    assert "event: job_finished" in first
    assert (reads, looks) == ([0], [])


def test_news_is_forgotten(service: Installation) -> None:
    [job], poller = submitted(service), poller_of(service)

    async def ask() -> None:
        assert (await poller.since(job, 0)).events
        while poller._readings:
            await asyncio.sleep(SOON)

    asyncio.run(asyncio.wait_for(ask(), 60))


def test_a_fault_reaches_all_who_share_it_and_nobody_later(
    service: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    [job], poller = submitted(service), poller_of(service)

    async def ask() -> None:
        with monkeypatch.context() as away:
            away.setattr(Events, "since", mock.Mock(side_effect=Unavailable("the database cannot be reached now")))
            found = await asyncio.gather(*(poller.since(job, 0) for _ in range(3)), return_exceptions=True)
            assert [type(each) for each in found] == [Unavailable] * 3
        assert (await poller.since(job, 0)).events

    asyncio.run(ask())
