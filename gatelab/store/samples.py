"""Texts that runs generated while they learned."""

from sqlalchemy import select

from gatelab.store.engine import Database
from gatelab.store.runs import require_run
from gatelab.store.tables import samples
from gatelab.wire.evaluations import Sample

_COLUMNS = [samples.c[name] for name in Sample.model_fields]


class Samples:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, run_id: str) -> list[Sample]:
        """All samples of a run in the order of their steps.

        Raises:
            NotFound: there is no such run.
        """
        query = select(*_COLUMNS).where(samples.c.run_id == run_id).order_by(samples.c.step)
        with self._database.read() as connection:
            require_run(connection, run_id)
            return [Sample(**row) for row in connection.execute(query).mappings()]
