"""Brings the database's tables up to date: `python -m gatelab.store.migrate [--key]`.

With --key, the file `api-key` in the data directory then holds an API key with all rights. It is made unless a valid
one exists.
"""

import shutil
import sqlite3
import sys
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from gatelab import settings as environment
from gatelab.errors import GatelabError, Unavailable
from gatelab.machine import LEAST_FREE
from gatelab.settings import Settings
from gatelab.store.engine import Database
from gatelab.store.keys import Keys, ensure_file

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).parents[2] / "migrations"
"""Alembic's scripts, beside the package `gatelab`. They import the store, which therefore finds them by their path."""
_VERSIONS = "alembic_version"
_REWRITTEN_BYTES = 256 * 2**20
"""The largest SQLite file of an earlier version that an update rewrites, so that the file can shrink from then on.
A larger one would block all other processes for too long."""
_ADVISORY_LOCK = 0x6761_7465_6C61_62  # "gatelab"


def upgrade(settings: Settings) -> None:
    """Create the data directory and bring the database to the newest version.

    Any number of processes may do so at once. If the database is at that version, Alembic is not even imported.

    Raises:
        Unavailable: the database cannot be reached, or is newer than this program.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database_url.get_secret_value(), foreign_keys=False)
    try:
        if database.path is not None:
            database.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if pending(database):
            _upgrade(database)
        _rewrite(database)
    finally:
        database.close()


def _upgrade(database: Database) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        with database.write() as connection:
            _wait_for_others(connection)
            command.upgrade(_config(connection), "head")
            _check_references(connection)
    except CommandError as error:
        raise Unavailable(f"the database cannot be brought to this program's version: {error}") from error


def _rewrite(database: Database) -> None:
    """Let an SQLite file of an earlier version return the space of deleted data to the disk.

    This may fail: it needs the space of two files, and no other process may write. A large file would delay the
    start; a backup and its restore rewrite it.
    """
    if (file := database.path) is None:
        return
    with suppress(OSError, sqlite3.Error), closing(database.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        size = file.stat().st_size
        fits = size <= _REWRITTEN_BYTES and shutil.disk_usage(file.parent).free > 2 * size + LEAST_FREE
        if fits and cursor.execute("PRAGMA auto_vacuum").fetchone()[0] == 0:
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _check_references(connection: Connection) -> None:
    """Check the foreign keys on SQLite, which did not check them meanwhile.

    Raises:
        Unavailable: a row refers to a missing row; nothing was changed.
    """
    if connection.dialect.name == "sqlite" and (broken := connection.execute(text("PRAGMA foreign_key_check")).all()):
        raise Unavailable(f"the database's tables refer to missing rows: {broken[:3]}")


def pending(database: Database) -> bool:
    """Whether the database is at another version than this program's.

    Raises:
        Unavailable: the database cannot be reached.
    """
    with database.read() as connection:
        if not inspect(connection).has_table(_VERSIONS):
            return True
        return list(connection.scalars(text(f"SELECT version_num FROM {_VERSIONS}"))) != [revisions()[-1]]


def knows(revision: str) -> bool:
    """Whether this program can bring a database of this revision up to date."""
    return revision in revisions()


@cache
def revisions() -> tuple[str, ...]:
    """The versions of the tables, in their order. The name of each script begins with its version."""
    return tuple(sorted(path.name.partition("_")[0] for path in (SCRIPTS / "versions").glob("[0-9]*.py")))


def _config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _wait_for_others(connection: Connection) -> None:
    """Keep other upgrades waiting until the transaction ends. On SQLite its write lock does that."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})


def main(arguments: list[str]) -> None:
    settings = environment.load()
    upgrade(settings)
    if arguments == ["--key"]:
        with closing(Database(settings.database_url.get_secret_value())) as database:
            ensure_file(Keys(database), settings.key_file)
    elif arguments:
        sys.exit(f"unknown arguments: {' '.join(arguments)}; the only option is --key")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except GatelabError as error:
        sys.exit(f"{error.title}: {error}")
