"""Requests that are sent again make one job."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from gatelab.errors import IdempotencyKeyReused
from gatelab.specs import JobSpec
from gatelab.store import Corpus, IdempotencyKey, Job, Store
from gatelab.store.idempotency import KEPT_SECONDS
from gatelab.store.tables import idempotency_keys, jobs, runs
from tests.events import events_of
from tests.store.conftest import at_once

KEY = IdempotencyKey("caller", "key", "a" * 64)


@pytest.fixture
def create(store: Store, corpus: Corpus) -> Callable[[IdempotencyKey], Job]:
    spec = JobSpec(corpus=corpus.name, repeats=3)
    return lambda key: store.jobs.create(spec, corpus.id, [spec.base()] * 3, key)


def test_twenty_at_once_make_one_job(store: Store, create: Callable[[IdempotencyKey], Job]) -> None:
    made = at_once([lambda: create(KEY)] * 20)
    assert len({job.id for job in made}) == 1
    with store.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(jobs)) == 1
        assert connection.scalar(select(func.count()).select_from(runs)) == 3
    assert [event.type for event in events_of(store, made[0].id)] == ["job_created"]


def test_the_first_request_is_found_again(store: Store, create: Callable[[IdempotencyKey], Job]) -> None:
    assert store.jobs.made_by(KEY) is None
    job = create(KEY)
    found = store.jobs.made_by(KEY)
    assert found is not None
    assert found.id == job.id


def test_another_request_with_the_same_key_is_refused(store: Store, create: Callable[[IdempotencyKey], Job]) -> None:
    create(KEY)
    other = IdempotencyKey(KEY.caller, KEY.key, "b" * 64)
    for ask in (store.jobs.made_by, create):
        with pytest.raises(IdempotencyKeyReused, match="Idempotency-Key"):
            ask(other)
    assert len(store.jobs.list().items) == 1


def test_callers_have_keys_of_their_own(create: Callable[[IdempotencyKey], Job]) -> None:
    assert create(KEY).id != create(IdempotencyKey("another", KEY.key, KEY.request_sha256)).id


def test_a_key_ends_after_a_day(store: Store, create: Callable[[IdempotencyKey], Job]) -> None:
    job = create(KEY)
    with store.database.write() as connection:
        aged = idempotency_keys.c.created_at - KEPT_SECONDS
        connection.execute(update(idempotency_keys).values(created_at=aged))
    assert store.jobs.made_by(KEY) is None
    assert create(KEY).id != job.id


def test_a_key_goes_with_its_job(store: Store, create: Callable[[IdempotencyKey], Job]) -> None:
    job = create(KEY)
    store.jobs.delete(job.id)
    assert store.jobs.made_by(KEY) is None
    assert create(KEY).id != job.id
