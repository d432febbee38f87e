"""Texts that runs generated while they learned."""

from dataclasses import dataclass

from sqlalchemy import select

from gatelab.store.engine import Database
from gatelab.store.runs import require_run
from gatelab.store.tables import samples


@dataclass(frozen=True)
class SampleRow:
    """What the model continued `prefix` with (`text`, without the prefix) after `step` optimizer steps."""

    step: int
    epoch: int
    prefix: str
    text: str


class Samples:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, run_id: str) -> list[SampleRow]:
        """All samples of a run in the order of their steps.

        Raises:
            NotFound: there is no such run.
        """
        columns = [samples.c[name] for name in SampleRow.__dataclass_fields__]
        query = select(*columns).where(samples.c.run_id == run_id).order_by(samples.c.step)
        with self._database.read() as connection:
            require_run(connection, run_id)
            return [SampleRow(**row) for row in connection.execute(query).mappings()]
