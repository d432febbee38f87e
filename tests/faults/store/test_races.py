"""Several processes share a queue: each run is claimed once, nothing is lost, and nobody gets a lock error."""

from multiprocessing.connection import Connection as Pipe
from typing import Any

import pytest

from gatelab.settings import Settings
from gatelab.store import Report, State, Store
from gatelab.wire.evaluations import Evaluation
from gatelab.wire.events import Progress
from tests.events import events_of
from tests.faults.store.actors import results
from tests.faults.store.checks import all_events, check_history, queue
from tests.leases import renew
from tests.store.conftest import token

STEPS = 12


def claim_all(store: Store, pipe: Pipe) -> list[str]:
    claimed = []
    while claim := store.claims.claim("racer"):
        claimed.append(claim.run_id)
    return claimed


def test_six_processes_claim_each_run_once(store: Store, settings: Settings) -> None:
    jobs = queue(store, jobs=6, each=20)
    claimed = results(settings, *[(claim_all,)] * 6)
    runs = [run for job in jobs for run in store.runs.list(job_id=job.id).items]
    assert sorted(run_id for each in claimed for run_id in each) == sorted(run.id for run in runs)
    assert {(run.state, run.attempt, token(store, run.id)) for run in runs} == {(State.RUNNING, 1, 1)}
    for job in jobs:
        check_history(store, job.id)


def train_all(store: Store, pipe: Pipe) -> int:
    """Everything that a worker does with the store, in the smallest possible transactions."""
    transactions = 0
    while claim := store.claims.claim("writer"):
        for step in range(claim.step + 1, STEPS + 1):
            renew(store, claim)
            events_of(store, claim.job_id)
            last = State.SUCCEEDED if step == STEPS else State.QUEUED if step % 5 == 0 else None
            row = Evaluation(step=step, epoch=0, tokens=step)
            told = [Progress(step=step)]
            report = Report(step=step, epoch=0, metrics=[row], checkpoint=b"%d" % step, events=told, next_state=last)
            store.claims.record(claim, report)
            transactions += 3
            if last:
                break
        store.reaper.reap()
        transactions += 2
    return transactions


@pytest.mark.parametrize("kind", ["sqlite"])
def test_four_writers_on_sqlite_never_find_it_locked(store: Store, settings: Settings) -> None:
    jobs = queue(store, jobs=4, each=6)
    done: list[Any] = results(settings, *[(train_all,)] * 4)
    assert sum(done) > 4 * 200
    for job in jobs:
        check_history(store, job.id)
        for run in store.runs.list(job_id=job.id).items:
            assert (run.state, run.step, run.crash_count) == (State.SUCCEEDED, STEPS, 0)
            assert [row.step for row in store.metrics.list(run.id)] == list(range(1, STEPS + 1))
            told = [event.data["step"] for event in all_events(store, job.id) if event.type == "progress"]
            assert len(told) == 6 * STEPS
            assert store.checkpoints.get(run.id).data == b"%d" % STEPS
