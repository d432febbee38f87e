"""The damage counts are right: each kind of damage is done to a run once, by hand."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Executable, delete, insert, select, update

from gatelab.specs import JobSpec, parse
from gatelab.store import Store, events
from gatelab.store.tables import checkpoints, metrics, runs, samples
from gatelab.sweeps import expand
from gatelab.wire.events import read_event
from tests.databases import migrate
from tests.faults.damage import Damage, of_job
from tests.faults.workload import CORPUS, TEXT, small
from tests.worker.conftest import train_all, worker_settings

EPOCHS = 3

Harm = Callable[[Connection], object]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with one run that was trained without faults."""
    settings = worker_settings(f"sqlite:///{tmp_path}/gatelab.db", tmp_path)
    migrate(settings)
    with Store(settings) as store:
        corpus, _ = store.corpora.add(CORPUS, TEXT)
        job = parse(JobSpec, small(epochs=EPOCHS))
        store.jobs.create(job, corpus.id, expand(job, 1))
        train_all(store, settings)
        yield store


def execute(statement: Executable) -> Harm:
    return lambda connection: connection.execute(statement)


def report(type: str, **data: Any) -> Harm:
    def harm(connection: Connection) -> None:
        run, job = connection.execute(select(runs.c.id, runs.c.job_id)).one()
        events.append(connection, job, [read_event(type, run, None, data)])

    return harm


def save_as_an_earlier_owner(connection: Connection) -> None:
    row = connection.execute(select(checkpoints)).mappings().one()
    late = {"step": row["step"] - 1, "token": row["token"] - 1, "created_at": row["created_at"] + 1}
    connection.execute(insert(checkpoints).values({**row, **late}))


HARMS: dict[str, tuple[Harm, Damage]] = {
    "none": (execute(select(runs)), Damage()),
    "the run failed": (execute(update(runs).values(state="failed")), Damage(lost=1)),
    "a metric is gone": (execute(delete(metrics).where(metrics.c.epoch == 2)), Damage(missing=1, different=1)),
    "all samples are gone": (execute(delete(samples)), Damage(missing=EPOCHS, different=1)),
    "an epoch is reported again": (report("evaluation", epoch=2, step=8), Damage(duplicated=1)),
    "a step is taken back": (report("progress", step=1), Damage(backwards=1)),
    "other weights": (execute(update(runs).values(weights_sha256="0" * 64)), Damage(different=1)),
    "another loss": (
        execute(update(metrics).values(train_loss=metrics.c.train_loss * (1 + 1e-15))),
        Damage(different=1),
    ),
    "a zombie's checkpoint": (save_as_an_earlier_owner, Damage(stale=1)),
}


@pytest.mark.parametrize("harm", HARMS)
def test_harm_is_counted(harm: str, store: Store) -> None:
    [job] = store.jobs.list().items
    do, expected = HARMS[harm]
    with store.database.write() as connection:
        do(connection)
    assert of_job(store, job.id) == expected
