"""The state of an installation at one moment, taken while it runs."""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gatelab.errors import Unavailable
from gatelab.store.backup.manifest import DATABASE
from gatelab.store.engine import BUSY_SECONDS

FOLDER = "backup.partial"
LOCK = "backup.lock"

_BLOBS = "SELECT run_id, token, step, sha256, size FROM checkpoints WHERE data IS NULL ORDER BY run_id, step"


@dataclass(frozen=True)
class Blob:
    """A large checkpoint's file: its path below the data directory, and its size and digest in the database."""

    name: str
    sha256: str
    size: int


@contextmanager
def staging(data_dir: Path) -> Iterator[Path]:
    """An empty folder below `data_dir`, on the disk of the large checkpoints. It is deleted at the end.

    The remains of a killed backup are deleted first.

    Raises:
        Unavailable: another backup is being made.
    """
    with (data_dir / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(f"another backup of {data_dir} is being made; wait until it ends") from None
        folder = data_dir / FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def clear(data_dir: Path) -> None:
    """Delete the remains of a killed backup, whose links keep deleted files on the disk."""
    if (data_dir / FOLDER).is_dir():
        with suppress(Unavailable), staging(data_dir):
            pass


def take(database: Path, blob_dir: Path, folder: Path) -> tuple[list[Blob], list[Blob]]:
    """Copy the database, and the large checkpoints that it names, as of one moment into `folder`.

    Nobody can write while the checkpoints' files are linked, which takes milliseconds, so no file that the database
    names can disappear meanwhile. The database is then copied out of a transaction that began at that moment, while
    others continue to write.

    Returns:
        The checkpoints whose files are in `folder`, and those whose files are missing.

    Raises:
        Unavailable: none of the files that the database names exists, or another process locks the database for too
            long.
        sqlite3.Error: the database is damaged.
    """
    with closing(_connect(database)) as writer, closing(_connect(database)) as reader:
        _begin_immediate(writer)
        try:
            reader.execute("BEGIN")
            found = [_blob(*row) for row in reader.execute(_BLOBS)]
            there = [blob for blob in found if _link(blob_dir.parent / blob.name, folder / blob.name)]
        finally:
            writer.execute("ROLLBACK")
        missing = sorted(set(found) - set(there), key=lambda blob: blob.name)
        if missing and not there:
            raise Unavailable(f"none of the {len(found)} large checkpoints is in {blob_dir}; make it available again")
        with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as copy:
            # In one step, from a source in a transaction: the copy is of that transaction, whatever others commit.
            reader.backup(copy)
            check(copy)
            # The rewritten database has no page with deleted data, and is one file without a log.
            copy.execute("PRAGMA journal_mode=DELETE")
            # A file of an earlier version becomes one that returns the space of deleted data to the disk.
            copy.execute("PRAGMA auto_vacuum=INCREMENTAL")
            copy.execute("VACUUM")
    return there, missing


def named_by(database: Path) -> tuple[str, list[Blob]]:
    """The revision of a database that nobody uses, and the large checkpoints that it names.

    Raises:
        sqlite3.Error: the database is damaged, or not one of Gatelab.
    """
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        check(connection)
        [(revision,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall() or [("",)]
        return str(revision), [_blob(*row) for row in connection.execute(_BLOBS)]


def check(connection: sqlite3.Connection) -> None:
    """
    Raises:
        sqlite3.DatabaseError: the database is damaged.
    """
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"the database is damaged: {found}")


def _connect(database: Path) -> sqlite3.Connection:
    # mode=rw: a missing file is not made.
    return sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _begin_immediate(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        raise Unavailable(f"the database cannot be reached now: {error}") from error


def _blob(run_id: str, token: int, step: int, sha256: str, size: int) -> Blob:
    return Blob(f"blobs/{run_id}/{token}-{step}-{sha256}", sha256, size)


def _link(source: Path, target: Path) -> bool:
    """Whether the file exists, and is now linked to the second place."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        return False
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
    return True
