from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from gatelab.errors import InvalidRequest
from gatelab.store import Event, Job, Report, State, Store, pagination
from gatelab.store.job_counts import count_runs
from gatelab.wire.events import Progress
from tests.events import events_of
from tests.store.conftest import at_once, claimed

WRITERS = 4
REPORTS = 8
EVENTS = 3
"""Events per report."""


def test_events_are_numbered_from_one(store: Store, new_job: Callable[..., Job]) -> None:
    job, other = new_job(), new_job()
    store.claims.record(claimed(store), Report(step=1, epoch=0, events=[Progress(step=n) for n in range(3)]))
    assert [event.seq for event in events_of(store, job.id)] == [1, 2, 3, 4, 5]
    assert [event.seq for event in events_of(store, other.id)] == [1]


def test_events_are_read_from_where_one_left_off(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job()
    store.claims.record(claimed(store), Report(step=1, epoch=0, events=[Progress(step=n) for n in range(3)]))
    first, second, *rest = found = events_of(store, job.id)
    assert found == [first, second, *events_of(store, job.id, second.seq)]
    assert events_of(store, job.id, rest[-1].seq) == []


def test_a_job_has_ended_for_a_reader_of_its_last_event(
    store: Store, new_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, claim = new_job(), claimed(store)
    assert not store.events.since(job.id, 0)[0]
    store.claims.record(claim, Report(step=1, epoch=0, next_state=State.SUCCEEDED))
    ended, whole = store.events.since(job.id, 0)
    assert ended
    monkeypatch.setattr(pagination, "LARGEST_PAGE", 2)
    parts = [store.events.since(job.id, seq) for seq in range(len(whole) + 1)]
    assert [ended for ended, _ in parts] == [False] * (len(whole) - 2) + [True] * 3
    assert [found for _, found in parts] == [whole[seq : seq + 2] for seq in range(len(whole) + 1)]


def test_a_job_that_ends_while_its_events_are_read_is_not_read_half(
    store: Store, new_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that has the last event, but not the end, would wait for ever."""
    job, claim = new_job(), claimed(store)

    def counted_before_the_end(*asked: Any) -> Any:
        counts = count_runs(*asked)
        store.claims.record(claim, Report(step=1, epoch=0, next_state=State.SUCCEEDED))
        return counts

    with monkeypatch.context() as patched:
        patched.setattr("gatelab.store.events.count_runs", counted_before_the_end)
        ended, found = store.events.since(job.id, 0)
    assert (ended, [event.type for event in found]) == (False, ["job_created", "run_started"])
    ended, found = store.events.since(job.id, found[-1].seq)
    assert (ended, [event.type for event in found]) == (True, ["run_succeeded", "job_finished"])


def test_a_number_out_of_range_is_refused(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job()
    with pytest.raises(InvalidRequest):
        events_of(store, job.id, 10**30)


def test_a_reader_misses_nothing_while_many_write(store: Store, new_job: Callable[..., Job]) -> None:
    job = new_job(WRITERS)
    claims = [claimed(store) for _ in range(WRITERS)]

    def write(number: int) -> list[Event]:
        for step in range(1, REPORTS + 1):
            events = [Progress(step=step, epoch=n) for n in range(EVENTS)]
            last = State.SUCCEEDED if step == REPORTS else None
            store.claims.record(claims[number], Report(step=step, epoch=0, events=events, next_state=last))
        return []

    def read() -> list[Event]:
        seen: list[Event] = []
        while not (seen and seen[-1].type == "job_finished"):
            seen += events_of(store, job.id, seen[-1].seq if seen else 0)
        return seen

    writers: list[Callable[[], list[Event]]] = [partial(write, number) for number in range(WRITERS)]
    first, second = at_once([*writers, read, read])[WRITERS:]
    assert [event.seq for event in first] == list(range(1, len(first) + 1))
    assert first == second == events_of(store, job.id)
    # job_created, WRITERS x (run_started, its progress, run_succeeded), job_finished
    assert len(first) == 1 + WRITERS * (1 + REPORTS * EVENTS + 1) + 1
