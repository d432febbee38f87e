"""Checkpoints of other runs from which the runs of a job start. They are kept with the job."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from gatelab.errors import CheckpointMissing, CorruptCheckpoint
from gatelab.store.engine import Database
from gatelab.store.postgresql import LARGE
from gatelab.store.tables import origins


@dataclass(frozen=True)
class Pin:
    """The bytes of checkpoint `step` of a run, which was trained on this corpus."""

    run_id: str
    step: int
    corpus_id: str
    data: bytes


class Origins:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, job_id: str, run_id: str, step: int) -> Pin:
        """The copy of another run's checkpoint that a job keeps.

        Raises:
            CheckpointMissing: the job keeps no such checkpoint.
            CorruptCheckpoint: the bytes are damaged.
        """
        which = (origins.c.job_id == job_id, origins.c.run_id == run_id, origins.c.step == step)
        with self._database.read() as connection:
            row = connection.execute(select(origins).where(*which).execution_options(**LARGE)).mappings().first()
        if row is None:
            raise CheckpointMissing(f"checkpoint {step} of run {run_id} is not kept with job {job_id}")
        if hashlib.sha256(row["data"]).hexdigest() != row["sha256"]:
            raise CorruptCheckpoint(
                f"checkpoint {step} of run {run_id}, kept with job {job_id}, has changed since then"
            )
        return Pin(run_id, step, row["corpus_id"], row["data"])


def keep(connection: Connection, job_id: str, pins: Iterable[Pin]) -> None:
    """Write the rows of a new job's origins."""
    rows = [
        {
            **{"job_id": job_id, "run_id": pin.run_id, "step": pin.step, "corpus_id": pin.corpus_id},
            **{"sha256": hashlib.sha256(pin.data).hexdigest(), "data": pin.data},
        }
        for pin in pins
    ]
    if rows:
        connection.execute(insert(origins), rows)
