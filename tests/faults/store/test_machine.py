"""Workers, reapers and users act in random order, and the store behaves like a plain model of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import cast

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import select, text

from gatelab.errors import LeaseLost, NotFound, WrongState
from gatelab.store import FINISHED, Claim, Report, Run, State, Store
from gatelab.store.tables import checkpoints, metadata, metrics, runs
from gatelab.wire.evaluations import Evaluation
from gatelab.wire.events import Progress
from tests.faults.store.checks import all_events, check_history, queue
from tests.faults.store.reference_store import (
    KEPT,
    MAX_CRASHES,
    Held,
    Model,
    Refused,
)
from tests.leases import renew
from tests.randomized import examples
from tests.store.conftest import expire

ENDINGS = [None, None, None, State.QUEUED, State.PAUSED, State.SUCCEEDED, State.FAILED]


REQUESTS = ["cancel", "pause", "resume"]
RECORDS = st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=3)
"""Steps since the previous record, and whether it has a checkpoint."""


class Machine(RuleBasedStateMachine):
    """The store and the model side by side. Claims stay in their bundle, so a worker can come back as a zombie."""

    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store, self.model = store, Model()

    def teardown(self) -> None:
        for job_id in {run.job for run in self.model.runs.values()}:
            self.check_story(job_id)
        with self.store.database.write() as connection:
            connection.execute(text("DELETE FROM jobs"))

    @contextmanager
    def like_the_model(self, modelled: Callable[[], object]) -> Iterator[None]:
        """Check that the store refuses an action, without any change, if and only if the model refuses it."""
        try:
            modelled()
        except Refused:
            before = contents(self.store)
            with pytest.raises((LeaseLost, WrongState, NotFound)):
                yield
            assert contents(self.store) == before
        else:
            yield

    # -- Workers --

    @rule(target=claims)
    def claim(self) -> object:
        queued = self.queue()
        claim = self.store.claims.claim("worker")
        assert {run.id for run in queued} == {run.id for run in self.model.runs.values() if run.state is State.QUEUED}
        if claim is None:
            assert not queued
            return multiple()
        assert claim.run_id == queued[0].id, "the longest queued one"
        self.check_claim(claim)
        return claim

    @rule(target=claims, limit=st.integers(1, 3))
    def claim_a_pack(self, limit: int) -> object:
        first = self.claim()
        if not isinstance(first, Claim):
            return multiple()
        alike = self.model.alike(held(first))
        expected = [run.id for run in self.queue() if run.id in alike][:limit]
        rest = self.store.claims.claim_alike(first, limit)
        assert [claim.run_id for claim in rest] == expected
        for claim in rest:
            self.check_claim(claim)
        return multiple(first, *rest)

    def queue(self) -> list[Run]:
        return sorted(self.store.runs.list(state=State.QUEUED).items, key=lambda run: (run.queued_at, run.id))

    def check_claim(self, claim: Claim) -> None:
        taken = self.model.claim(claim.run_id)
        assert (claim.token, claim.step) == (taken.token, self.model.runs[claim.run_id].step)

    @rule(claim=claims)
    def heartbeat(self, claim: Claim) -> None:
        with self.like_the_model(lambda: self.model.heartbeat(held(claim))):
            flags = renew(self.store, claim)
            assert (flags.cancel, flags.pause) == self.model.heartbeat(held(claim))

    @rule(claim=claims)
    def release(self, claim: Claim) -> None:
        with self.like_the_model(lambda: self.model.release(held(claim))):
            self.store.claims.release(claim)

    @rule(claim=claims, steps=st.integers(0, 3), checkpoint=st.booleans(), then=st.sampled_from(ENDINGS))
    def record(self, claim: Claim, steps: int, checkpoint: bool, then: State | None) -> None:
        run = self.model.runs.get(claim.run_id)
        step = (run.step if run else claim.step) + steps
        report = Report(
            step=step,
            epoch=0,
            metrics=[Evaluation(step=step, epoch=0)] if steps else [],
            checkpoint=b"%d" % step if checkpoint else None,
            keep_checkpoints=KEPT,
            events=[Progress(step=step)],
            next_state=then,
        )
        with self.like_the_model(lambda: self.model.record(held(claim), steps, checkpoint=checkpoint, then=then)):
            self.store.claims.record(claim, report)

    @rule(
        target=claims,
        records=RECORDS,
        asked=st.sampled_from([None, *REQUESTS]),
        then=st.sampled_from(ENDINGS),
        falls_silent=st.booleans(),
    )
    def live(
        self, records: list[tuple[int, bool]], asked: str | None, then: State | None, falls_silent: bool
    ) -> object:
        """The whole life of a claim, since random steps alone seldom get that far."""
        claim = self.claim()
        if isinstance(claim, Claim):
            for steps, checkpoint in records:
                self.record(claim, steps, checkpoint, None)
            if asked:
                self.steer(claim.job_id, asked)
            if falls_silent:
                self.fall_silent(claim.run_id)
                self.reap()
            else:
                self.record(claim, 0, True, then)
        return claim

    @rule(claim=claims)
    def fall_back(self, claim: Claim) -> None:
        with self.like_the_model(lambda: self.model.fall_back(held(claim), claim.step)):
            assert self.store.claims.fall_back(claim).step == self.model.runs[claim.run_id].step

    # -- Reapers --

    @rule(claim=claims)
    def expire(self, claim: Claim) -> None:
        run = self.model.runs.get(claim.run_id)
        if run is not None and run.state is State.RUNNING:
            self.fall_silent(run.id)

    def fall_silent(self, run_id: str) -> None:
        expire(self.store, run_id)
        self.model.expire(run_id)

    @precondition(lambda self: any(run.expired for run in self.model.runs.values()))
    @rule()
    def reap(self) -> None:
        assert set(self.store.reaper.reap()) == self.model.reap()

    # -- Users --

    @initialize(target=jobs)
    def first(self) -> object:
        return self.submit(2)

    @precondition(lambda self: len(self.model.runs) < 5)
    @rule(target=jobs, runs=st.integers(1, 2))
    def submit(self, runs: int) -> str:
        [job] = queue(self.store, jobs=1, each=runs)
        self.model.add(job.id, [run.id for run in self.store.runs.list(job_id=job.id).items])
        return job.id

    @rule(job=jobs, what=st.sampled_from(REQUESTS))
    def steer(self, job: str, what: str) -> None:
        with self.like_the_model(lambda: getattr(self.model, what)(job)):
            getattr(self.store.jobs, what)(job)

    @rule(job=jobs)
    def look(self, job: str) -> None:
        with suppress(Refused):
            self.check_story(job)

    @precondition(lambda self: len(self.model.runs) > 2)
    @rule(job=jobs)
    def delete(self, job: str) -> None:
        self.look(job)
        with self.like_the_model(lambda: self.model.delete(job)):
            self.store.jobs.delete(job)

    # -- What holds after every step --

    @invariant()
    def every_run_is_as_the_model_has_it(self) -> None:
        with self.store.database.read() as connection:
            rows = {row.id: row for row in connection.execute(select(runs))}
            steps = [
                connection.execute(select(table.c.run_id, table.c.step).order_by(table.c.step)).all()
                for table in (metrics, checkpoints)
            ]
        assert rows.keys() == self.model.runs.keys()
        for id, run in self.model.runs.items():
            row = rows[id]
            assert (row.state, row.attempt, row.crash_count) == (run.state, run.attempt, run.crashes)
            assert (row.step, row.cancel_requested, row.pause_requested) == (run.step, run.cancel, run.pause)
            assert (row.owner is not None) == (run.state is State.RUNNING)
            assert row.token == run.token, "tokens only grow"
            assert [[step for of, step in found if of == id] for found in steps] == [
                sorted(run.metrics),
                sorted(run.checkpoints),
            ]

    def check_story(self, job_id: str) -> None:
        """The job's description of itself and of each run agrees with what happened."""
        runs = self.model.of_job(job_id)
        check_history(self.store, job_id)
        told = all_events(self.store, job_id)
        for run in runs:
            states = [event.data["state"] for event in told if event.run_id == run.id and "state" in event.data]
            assert states == run.states[1:]
        job = self.store.jobs.get(job_id)
        assert dict(job.counts) == {state: [run.state for run in runs].count(state) for state in State}
        assert (job.finished_at is not None) == all(run.state in FINISHED for run in runs)
        assert job.progress == sum(run.state in FINISHED for run in runs) / len(runs), "no total is known"


def held(claim: Claim) -> Held:
    return Held(claim.run_id, claim.token)


def contents(store: Store) -> dict[str, list[str]]:
    """Every row of every table."""
    with store.database.read() as connection:
        return {table.name: sorted(map(str, connection.execute(select(table)))) for table in metadata.sorted_tables}


@pytest.mark.parametrize(("kind", "count"), [("sqlite", 25), ("postgresql", 6)])
def test_the_store_does_what_the_model_does(store: Store, count: int) -> None:
    assert store.reaper._max_crashes == MAX_CRASHES
    bounds = hypothesis_settings(examples(count), stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow])
    run_machine(cast(type[Machine], partial(Machine, store)), settings=bounds)  # any factory will do
