"""Texts that runs generated during training."""

from sqlalchemy import RowMapping, select

from gatelab.store.engine import Database
from gatelab.store.pagination import LARGEST_PAGE, Page, fetch
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
        found, cursor = [], None
        while True:
            page = self.page(run_id, cursor=cursor, limit=LARGEST_PAGE)
            found += page.items
            if (cursor := page.next) is None:
                return found

    def page(self, run_id: str, *, cursor: str | None = None, limit: int = 100) -> Page[Sample]:
        """Some samples of a run in the order of their steps.

        Raises:
            NotFound: there is no such run.
            InvalidRequest: a bad cursor or limit.
        """
        query = select(*_COLUMNS).where(samples.c.run_id == run_id)
        with self._database.read() as connection:
            require_run(connection, run_id)
            page = fetch(connection, query, [samples.c.step], cursor=cursor, limit=limit, size=_size)
        return Page([Sample(**{name: row[name] for name in Sample.model_fields}) for row in page.items], page.next)


def _size(row: RowMapping) -> int:
    return len(row["prefix"]) + len(row["text"])
