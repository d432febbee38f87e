"""Ownership. Corpora, jobs and runs belong to an account; a key (see `keys`) stands for one."""

from typing import Literal

from sqlalchemy import BindParameter, bindparam, func, or_, select

from gatelab.errors import NotFound
from gatelab.store.corpora import missing
from gatelab.store.engine import Database
from gatelab.store.tables import LOCAL, corpora, jobs, runs

__all__ = ["LOCAL", "Accounts", "Owned"]

Owned = Literal["corpus", "job", "run"]


_ID: BindParameter[str] = bindparam("id")
_NAMED = {"corpus": or_(corpora.c.id == _ID, corpora.c.name == _ID), "job": jobs.c.id == _ID, "run": runs.c.id == _ID}
_OWNED = {
    kind: select(table.c.id).where(table.c.account == bindparam("account"), _NAMED[kind])
    for kind, table in (("corpus", corpora), ("job", jobs), ("run", runs))
}


class Accounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def require(self, account: str, kind: Owned, id: str) -> None:
        """Return if the account owns this object. For all others, it does not exist.

        Args:
            id: the object's id; for a corpus also its name in the account.

        Raises:
            NotFound: it does not exist, or belongs to another account.
        """
        if self._database.first(_OWNED[kind], {"account": account, "id": id}) is None:
            if kind != "corpus":
                raise NotFound(kind, id)
            with self._database.read() as connection:
                raise missing(connection, id, account)

    def stored_bytes(self, account: str) -> int:
        """Bytes of the account's corpora, and the most bytes that its runs, finished or not, are expected to leave."""
        of_corpora = select(func.coalesce(func.sum(corpora.c.bytes), 0)).where(corpora.c.account == account)
        of_run = runs.c.work["stored_bytes"].as_float()
        of_runs = select(func.coalesce(func.sum(of_run), 0)).where(runs.c.account == account)
        with self._database.read() as connection:
            return int(connection.scalar(of_corpora) or 0) + int(connection.scalar(of_runs) or 0)
