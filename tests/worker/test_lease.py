"""A lease is renewed while a run trains; without it, training stops."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import select, update

from gatelab.errors import LeaseLost, Unavailable
from gatelab.store import Claim, Flags, Store
from gatelab.store.tables import runs
from tests.store.conftest import claimed, expire
from tests.waiting import eventually
from tests.worker.conftest import SPEC, queue, worker_settings
from worker.lease import Leases


@pytest.fixture
def claim(store: Store) -> Claim:
    queue(store)
    return claimed(store)


@pytest.fixture
def leases(store: Store, claim: Claim) -> Leases:
    return held(Leases(store, heartbeat_seconds=0.01, lease_seconds=3600), claim)


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Store]:
    """A store whose database cannot be reached."""
    with Store(worker_settings(f"sqlite:///{tmp_path}/nowhere/gatelab.db", tmp_path)) as store:
        yield store


def held(leases: Leases, *claims: Claim) -> Leases:
    for claim in claims:
        leases.add(claim)
    return leases


@pytest.mark.parametrize("ending", ["cancel", "pause", "taken away"])
def test_an_alarm_rings_when_a_run_is_to_stop(store: Store, claim: Claim, ending: str) -> None:
    rung = threading.Event()
    leases = held(Leases(store, heartbeat_seconds=0.01, lease_seconds=3600, alarm=rung.set), claim)
    with leases:
        before = lease_until(store, claim)
        eventually(lambda: lease_until(store, claim) > before, "the lease was renewed")
        assert not rung.is_set(), "a run that goes on is not disturbed"
        match ending:
            case "cancel":
                store.jobs.cancel(claim.job_id)
            case "pause":
                store.jobs.pause(claim.job_id)
            case _:
                take_away(store, claim)
        assert rung.wait(60)


def is_lost(leases: Leases, claim: Claim) -> bool:
    try:
        leases.check(claim.run_id)
    except LeaseLost:
        return True
    return False


def lease_until(store: Store, claim: Claim) -> float:
    with store.database.read() as connection:
        until: float = connection.execute(select(runs.c.lease_until).where(runs.c.id == claim.run_id)).scalar_one()
    return until


def take_away(store: Store, claim: Claim) -> None:
    with store.database.write() as connection:
        taken = update(runs).where(runs.c.id == claim.run_id)
        connection.execute(taken.values(owner="other", token=runs.c.token + 1, lease_until=0.0))


def test_a_lease_is_renewed(store: Store, claim: Claim, leases: Leases) -> None:
    expire(store, claim.run_id)
    with leases:
        eventually(lambda: lease_until(store, claim) > 0, "the lease was renewed")
        assert not is_lost(leases, claim)
    assert store.reaper.reap() == []


def test_what_users_ask_for_reaches_the_worker(store: Store, claim: Claim, leases: Leases) -> None:
    with leases:
        assert leases.check(claim.run_id) == Flags(cancel=False, pause=False)
        store.jobs.pause(claim.job_id)
        eventually(lambda: leases.check(claim.run_id).pause, "the pause was seen")
        store.jobs.resume(claim.job_id)
        eventually(lambda: not leases.check(claim.run_id).pause, "the pause was withdrawn")
        store.jobs.cancel(claim.job_id)
        eventually(lambda: leases.check(claim.run_id).cancel, "the cancel was seen")


def test_a_lease_is_lost_when_another_worker_has_the_run(store: Store, claim: Claim, leases: Leases) -> None:
    with leases:
        take_away(store, claim)
        eventually(lambda: is_lost(leases, claim), "the loss was noticed")
    assert lease_until(store, claim) == 0, "it is not renewed for the other one"


def test_each_of_several_leases_has_its_own_end(store: Store, claim: Claim, leases: Leases) -> None:
    queue(store, SPEC | {"repeats": 2})
    lost, dropped = claimed(store), claimed(store)
    held(leases, lost, dropped)
    with leases:
        take_away(store, lost)
        eventually(lambda: is_lost(leases, lost), "the loss of one was noticed")
        leases.drop(dropped.run_id)
        for _ in range(2):  # the first time, a heartbeat from before may be under way
            for each in (claim, dropped):
                expire(store, each.run_id)
            eventually(lambda: lease_until(store, claim) > 0, "the others are renewed")
        assert not is_lost(leases, claim)
    assert (lease_until(store, lost), lease_until(store, dropped)) == (0, 0)


def test_a_lease_is_lost_when_it_cannot_be_renewed(nowhere: Store, claim: Claim) -> None:
    with held(Leases(nowhere, heartbeat_seconds=0.01, lease_seconds=0.1), claim) as leases:
        eventually(lambda: is_lost(leases, claim), "the lease has run out")


class ShakyClaims:
    """A database that cannot be reached three times."""

    def __init__(self) -> None:
        self.heartbeats_made = 0

    def heartbeats(self, claims: Sequence[Claim]) -> dict[str, Flags]:
        self.heartbeats_made += 1
        if self.heartbeats_made <= 3:
            raise Unavailable("not now")
        return {claim.run_id: Flags(cancel=False, pause=True) for claim in claims}


def test_a_short_absence_of_the_database_loses_nothing(claim: Claim) -> None:
    shaky = cast(Store, SimpleNamespace(claims=ShakyClaims()))
    with held(Leases(shaky, heartbeat_seconds=0.01, lease_seconds=3600), claim) as leases:
        eventually(lambda: leases.check(claim.run_id).pause, "the fourth heartbeat was answered")


def test_nothing_is_renewed_after_the_end(leases: Leases) -> None:
    with leases:
        assert any(thread.name == "heartbeat" for thread in threading.enumerate())
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
