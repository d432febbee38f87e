"""A lease is renewed while a run trains; without it, training stops."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import select, update

from gatelab.errors import LeaseLost, Unavailable
from gatelab.store import Claim, Flags, Store
from gatelab.store.tables import runs
from tests.store.conftest import claimed, expire
from tests.worker.conftest import eventually, queue, worker_settings
from worker.lease import Lease


@pytest.fixture
def claim(store: Store) -> Claim:
    queue(store)
    return claimed(store)


@pytest.fixture
def lease(store: Store, claim: Claim) -> Lease:
    return Lease(store, claim, heartbeat_seconds=0.01, lease_seconds=3600)


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Store]:
    """A store whose database cannot be reached."""
    with Store(worker_settings(f"sqlite:///{tmp_path}/nowhere/gatelab.db", tmp_path)) as store:
        yield store


def is_lost(lease: Lease) -> bool:
    try:
        lease.check()
    except LeaseLost:
        return True
    return False


def lease_until(store: Store, claim: Claim) -> float:
    with store.database.read() as connection:
        until: float = connection.execute(select(runs.c.lease_until).where(runs.c.id == claim.run_id)).scalar_one()
    return until


def test_a_lease_is_renewed(store: Store, claim: Claim, lease: Lease) -> None:
    expire(store, claim.run_id)
    with lease:
        eventually(lambda: lease_until(store, claim) > 0, "the lease was renewed")
        assert not is_lost(lease)
    assert store.reaper.reap() == []


def test_what_users_ask_for_reaches_the_worker(store: Store, claim: Claim, lease: Lease) -> None:
    with lease:
        assert lease.check() == Flags(cancel=False, pause=False)
        store.jobs.pause(claim.job_id)
        eventually(lambda: lease.check().pause, "the pause was seen")
        store.jobs.resume(claim.job_id)
        eventually(lambda: not lease.check().pause, "the pause was withdrawn")
        store.jobs.cancel(claim.job_id)
        eventually(lambda: lease.check().cancel, "the cancel was seen")


def test_a_lease_is_lost_when_another_worker_has_the_run(store: Store, claim: Claim, lease: Lease) -> None:
    with lease:
        with store.database.write() as connection:
            connection.execute(update(runs).values(owner="other", token=runs.c.token + 1))
        eventually(lambda: is_lost(lease), "the loss was noticed")
        assert not any(thread.name == "heartbeat" for thread in threading.enumerate()), "nothing is left to renew"


def test_a_lease_is_lost_when_it_cannot_be_renewed(nowhere: Store, claim: Claim) -> None:
    with Lease(nowhere, claim, heartbeat_seconds=0.01, lease_seconds=0.1) as lease:
        eventually(lambda: is_lost(lease), "the lease has run out")


class ShakyClaims:
    """A database that is away three times."""

    def __init__(self) -> None:
        self.heartbeats = 0

    def heartbeat(self, claim: Claim) -> Flags:
        self.heartbeats += 1
        if self.heartbeats <= 3:
            raise Unavailable("not now")
        return Flags(cancel=False, pause=True)


def test_a_short_absence_of_the_database_loses_nothing(claim: Claim) -> None:
    shaky = cast(Store, SimpleNamespace(claims=ShakyClaims()))
    with Lease(shaky, claim, heartbeat_seconds=0.01, lease_seconds=3600) as lease:
        eventually(lambda: lease.check().pause, "the fourth heartbeat was answered")


def test_nothing_is_renewed_after_the_end(store: Store, claim: Claim, lease: Lease) -> None:
    with lease:
        assert any(thread.name == "heartbeat" for thread in threading.enumerate())
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
