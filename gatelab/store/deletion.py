"""Deletes permanently, in pieces: each needs a few megabytes of SQLite's log, however much is deleted.

To overwrite deleted data, SQLite first writes as much into its log (`secure_delete`), for which a full disk has no
space. Here rows are deleted without that (`secure_delete=FAST`: their remains are only in free pages). Then the free
pages are cut off the file, some at a time, and the log is cleared in between. So no deleted data stay in the file, and
the disk gets the space back.

A flag in the database's header, written with the deletion, says that pages are still to be cut off: if a process dies
in between, the sweeper continues.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, select, text, update
from sqlalchemy.sql.expression import literal_column

from gatelab.errors import NotFound, Unavailable
from gatelab.store.engine import Database
from gatelab.store.reserve import Reserve
from gatelab.store.states import State
from gatelab.store.tables import DELETED, checkpoints, events, jobs, metrics, runs, samples

Result = TypeVar("Result")

PIECE_ROWS = 500
"""Rows that are deleted in one transaction. A row takes at most two pages of 4 KiB of the log, one for an index."""
PIECE_PAGES = 512
"""Pages that are cut off in one transaction: 2 MiB, which take as much of the log."""

_OF_RUNS = (checkpoints, samples, metrics)


class Deletion:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.reserve = Reserve(database.path)

    def write(self, action: Callable[[Connection], Result]) -> Result:
        """The result of `action` in a transaction that deletes. If the disk is full, it releases the reserve.

        Raises:
            Unavailable: the database cannot be reached, or the disk is still full.
        """
        try:
            with self._transaction() as connection:
                return action(connection)
        except Unavailable:
            if not self.reserve.needed():
                raise
        self._database.forget()
        with self._transaction() as connection:
            # The transaction holds the database's lock, so no other writer can take the space of the reserve.
            self.reserve.give_up()
            return action(connection)

    def delete_job(self, connection: Connection, id: str) -> None:
        """Delete the job and all rows that refer to it. If there are many, the job loses its owner, its runs leave the
        queue, and `finish` deletes the rest.

        Raises:
            NotFound: another request has begun to delete it.
        """
        if connection.scalar(select(jobs.c.account).where(jobs.c.id == id)) == DELETED:
            raise NotFound("job", id)
        if connection.dialect.name != "sqlite" or _delete_rows(connection, id):
            connection.execute(delete(jobs).where(jobs.c.id == id))
            return
        waiting = runs.c.state.in_((State.QUEUED, State.PAUSED))
        connection.execute(update(runs).where(runs.c.job_id == id, waiting).values(state=State.CANCELLED))
        connection.execute(update(jobs).where(jobs.c.id == id).values(account=DELETED))

    def finish(self) -> None:
        """Delete what is left of jobs whose deletion has begun, and give free pages back to the disk.

        If somebody reads or the disk is full, this may not finish; the sweeper calls it again.

        Raises:
            Unavailable: the database cannot be reached.
        """
        if self._database.path is None:
            return
        with self._database.read() as connection:
            begun = list(connection.scalars(select(jobs.c.id).where(jobs.c.account == DELETED)))
        for id in begun:
            while not self.write(lambda connection, id=id: _delete_piece(connection, id)):  # type: ignore[misc]
                self._database.forget()
        while (self._database.forget() or self._may_grow()) and self._cut_off():
            pass
        self.reserve.make()

    def _may_grow(self) -> bool:
        """Whether to continue although the log cannot be cleared, because the disk is full and not because somebody
        reads.

        Clearing the log makes the file grow by its content, which is not needed once the file is cut.
        """
        full = self.reserve.needed()
        self.reserve.give_up()
        return full

    def _cut_off(self) -> bool:
        """Cut some free pages off the file. Returns whether a deletion had left any."""
        with self._database.read() as connection:
            if not connection.scalar(text("PRAGMA user_version")):
                return False
        self._database.shrink(PIECE_PAGES)
        with self._database.write() as connection:
            if not connection.scalar(text("PRAGMA freelist_count")):
                connection.execute(text("PRAGMA user_version=0"))
        return True

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._database.write() as connection:
            if self._database.path is None or not connection.scalar(text("PRAGMA auto_vacuum")):
                # The file of an earlier version cannot be cut, so deleted data are overwritten.
                yield connection
                return
            connection.execute(text("PRAGMA secure_delete=FAST"))
            try:
                connection.execute(text("PRAGMA user_version=1"))
                yield connection
            finally:
                connection.execute(text("PRAGMA secure_delete=ON"))


def _delete_piece(connection: Connection, id: str) -> bool:
    if ended := _delete_rows(connection, id):
        connection.execute(delete(jobs).where(jobs.c.id == id))
    return ended


def _delete_rows(connection: Connection, job_id: str) -> bool:
    """Delete up to `PIECE_ROWS` rows that refer to a job. Returns whether none is left."""
    room = PIECE_ROWS
    of_job = select(runs.c.id).where(runs.c.job_id == job_id)
    pieces: list[tuple[Table, ColumnElement[bool]]] = [(table, table.c.run_id.in_(of_job)) for table in _OF_RUNS]
    pieces += [(table, table.c.job_id == job_id) for table in (events, runs)]
    for table, which in pieces:
        found: Select[int] = select(literal_column("rowid")).select_from(table).where(which).limit(room)
        room -= connection.execute(delete(table).where(literal_column("rowid").in_(found))).rowcount
        if room <= 0:
            return False
    return True
