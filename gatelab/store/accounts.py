"""Ownership. Corpora, jobs and runs belong to an account; a key (see `keys`) stands for one."""

from typing import Literal

from sqlalchemy import BindParameter, String, bindparam, func, or_, select

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


_MINE = bindparam("account", type_=String)
_STORED = select(
    select(func.sum(corpora.c.bytes)).where(corpora.c.account == _MINE).scalar_subquery().label("of_corpora"),
    select(func.sum(runs.c.work["stored_bytes"].as_float()))
    .where(runs.c.account == _MINE)
    .scalar_subquery()
    .label("of_runs"),
)


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
        [row] = self._database.all(_STORED, {"account": account})
        return sum(int(number or 0) for number in row.values())
