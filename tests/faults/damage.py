"""Counting the damage that faults did to runs. Every count must be zero."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from gatelab.store import Event, Run, State, Store
from gatelab.store.tables import checkpoints
from tests.events import events_of
from tests.faults.workload import Epoch, Outcome, expected


@dataclass(frozen=True)
class Damage:
    """
    Attributes:
        lost: runs that did not succeed.
        duplicated: metrics, samples and their events that an epoch has more than once.
        missing: those that an epoch lacks.
        backwards: how often a visible step went down.
        different: runs whose metrics, samples or final weights are not those of an undisturbed run.
        stale: checkpoints that an owner wrote after the run had been given to another.
    """

    lost: int = 0
    duplicated: int = 0
    missing: int = 0
    backwards: int = 0
    different: int = 0
    stale: int = 0

    def __add__(self, other: "Damage") -> "Damage":
        return Damage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __bool__(self) -> bool:
        return self != Damage()


def of_job(store: Store, job_id: str) -> Damage:
    """The damage to all runs of a job, all of which have ended."""
    events = _events(store, job_id)
    runs = store.runs.list(job_id=job_id, limit=1000).items
    return sum((of_run(store, run, [e for e in events if e.run_id == run.id]) for run in runs), Damage())


def of_run(store: Store, run: Run, events: Sequence[Event]) -> Damage:
    """
    Args:
        events: those of this run, in order.
    """
    wanted, found = expected(run.spec, run.engine), _outcome(store, run)
    reported = [_epochs(events, kind) for kind in ("evaluation", "sample")]
    rows = [Counter(row.epoch for row in found.epochs), Counter(epoch for epoch, _ in found.samples)]
    steps = [event.data["step"] for event in events if event.type == "progress"]
    return Damage(
        lost=int(run.state is not State.SUCCEEDED),
        duplicated=sum(count - 1 for counted in rows + reported for count in counted.values()),
        missing=sum(len({epoch.epoch for epoch in wanted.epochs} - set(counted)) for counted in rows + reported),
        backwards=_descents(steps),
        different=int(found != wanted),
        stale=_descents(_writers(store, run.id)),
    )


def _outcome(store: Store, run: Run) -> Outcome:
    rows, samples = store.metrics.list(run.id), store.samples.list(run.id)
    return Outcome(
        tuple(Epoch(r.epoch, r.step, r.tokens, r.train_loss, r.validation_loss, r.test_loss) for r in rows),
        tuple((sample.epoch, sample.text) for sample in samples),
        run.weights_sha256,
    )


def _events(store: Store, job_id: str) -> list[Event]:
    found: list[Event] = []
    while more := events_of(store, job_id, len(found)):
        found += more
    return found


def _epochs(events: Iterable[Event], kind: str) -> Counter[int]:
    return Counter(event.data["epoch"] for event in events if event.type == kind)


def _writers(store: Store, run_id: str) -> list[int]:
    """The fencing tokens under which the checkpoints of a run were written, in the order of their times."""
    query = select(checkpoints.c.token).where(checkpoints.c.run_id == run_id).order_by(checkpoints.c.created_at)
    with store.database.read() as connection:
        return list(connection.scalars(query))


def _descents(values: Sequence[Any]) -> int:
    return sum(later < earlier for earlier, later in pairwise(values))
