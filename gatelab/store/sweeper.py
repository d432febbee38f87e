"""Deletes the files that nothing refers to now or later. Any number of sweepers may run, at any time.

Processes die between the commit that gives up a file and the deletion of the file, or between the writing of a file and
the commit that would refer to it. The database decides which files are dead. It is asked after the files were listed,
so that a file that is dead then stays dead.
"""

from collections.abc import Iterable

from sqlalchemy import delete, select

from gatelab.settings import Settings
from gatelab.store import checkpoints
from gatelab.store.backup import snapshot
from gatelab.store.blobs import Blobs
from gatelab.store.clock import now
from gatelab.store.deletion import Deletion
from gatelab.store.engine import Database
from gatelab.store.states import State
from gatelab.store.tables import deleted_runs, runs

REMEMBERED_SECONDS = 24 * 3600.0
"""Seconds in which a worker that was stopped while its run was deleted may still continue and write a file."""


class Sweeper:
    def __init__(self, database: Database, blobs: Blobs, deletion: Deletion, settings: Settings) -> None:
        self._database = database
        self._deletion = deletion
        self._blobs = blobs
        self._data_dir = settings.data_dir

    def sweep(self) -> int:
        """Delete the files of deleted runs, the dead ones of all others, and what a killed backup left.

        Finish deletions whose process died, and reserve space for the next one.

        Returns:
            The number of runs' files.

        A folder whose run the database does not know, not even as deleted, is left alone: it may belong to a database
        that is just being restored.

        Raises:
            Unavailable: the database or the folder of large checkpoints cannot be reached.
        """
        found = self._blobs.all()
        gone = self._deleted() & found.keys()
        for run_id in gone:
            self._blobs.drop(run_id)
        swept = sum(len(found[run_id]) for run_id in gone)
        for run_id in found.keys() - gone:
            for file in self._dead(run_id, found[run_id]):
                self._blobs.remove(run_id, file)
                swept += 1
        snapshot.clear(self._data_dir)
        self._deletion.finish()
        return swept

    def _deleted(self) -> set[str]:
        """The runs that were deleted. Those deleted long ago, whose files are gone, are forgotten."""
        with self._database.read() as connection:
            known = set(connection.scalars(select(deleted_runs.c.run_id)))
            old = select(deleted_runs.c.run_id).where(deleted_runs.c.deleted_at < now() - REMEMBERED_SECONDS)
            forgettable = [id for id in connection.scalars(old) if not self._blobs.has_any(id)]
        if forgettable:
            with self._database.write() as connection:
                connection.execute(delete(deleted_runs).where(deleted_runs.c.run_id.in_(forgettable)))
        return known

    def _dead(self, run_id: str, files: Iterable[str]) -> list[str]:
        """Those of the listed files to which no checkpoint refers or can refer later.

        A commit that refers to a file needs its run to be running under the token in the file's name. If the run is
        not, the commit has been made, and its row is found here, or it never will be. So the state of the run must be
        read first.
        """
        with self._database.read() as connection:
            run = connection.execute(select(runs.c.state, runs.c.token).where(runs.c.id == run_id)).first()
            if run is None:
                return []
            kept = checkpoints.blob_files(connection, run_id)
        living = run.token if run.state == State.RUNNING else None
        return [file for file in files if file not in kept and int(file.partition("-")[0]) != living]
