"""Whether cached lookups are still valid: any process may have revoked a key or deleted a job.

SQLite counts the commits of other connections, which takes microseconds to ask. PostgreSQL notifies a connection of
each process, which listens.
"""

import sqlite3
import threading
from contextlib import closing, suppress
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import structlog
from sqlalchemy import Connection, text

from gatelab.errors import Unavailable
from gatelab.store.engine import Database

CHANNEL = "gatelab_changes"
PROBE_SECONDS = 5.0
"""Seconds within which a process's own notification must arrive, to show that notifications reach it."""
RETRY_SECONDS = 5.0
_WAIT_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Changes:
    """Stamps of the database's state. A lookup is valid as long as the stamp is the same.

    Nothing is opened before the first stamp is requested. Safe to share between threads.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._source: _Commits | _Notifications | None = None
        self._lock = threading.Lock()

    def stamp(self) -> int | None:
        """A new stamp as soon as a key was revoked or a job was deleted; None while this is not known."""
        source = self._source or self._open()
        return source.stamp()

    @property
    def shows_every_commit(self) -> bool:
        """Whether every other commit makes a new stamp, too: on SQLite."""
        return self._database.path is not None

    def close(self) -> None:
        """A later stamp opens it again."""
        with self._lock:
            if self._source is not None:
                self._source.close()
                self._source = None

    def _open(self) -> "_Commits | _Notifications":
        with self._lock:
            if self._source is None:
                is_file = self._database.path is not None
                self._source = _Commits(self._database) if is_file else _Notifications(self._database)
            return self._source


def announce(connection: Connection) -> None:
    """Notify all processes, when this transaction is committed, that their cached facts may no longer be true."""
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY, {"channel": CHANNEL, "payload": ""})


_NOTIFY = text("SELECT pg_notify(:channel, :payload)")


class _Commits:
    """The commits that all other connections have made to an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._path, self._lock = database.path, threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def stamp(self) -> int | None:
        with self._lock, suppress(sqlite3.Error):
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"file:{quote(str(self._path))}?mode=rw",
                    timeout=0,
                    isolation_level=None,
                    check_same_thread=False,
                    uri=True,
                )
            found: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
            return found
        return None

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class _Notifications:
    """The number of notifications so far; None before the first has arrived, and after the connection is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._count, self._arrives = 0, False
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="changes", daemon=True).start()

    def stamp(self) -> int | None:
        return self._count if self._arrives else None

    def close(self) -> None:
        self._closed.set()
        self._arrives = False

    def _run(self) -> None:
        import psycopg

        while not self._closed.is_set():
            try:
                with closing(self._database.listener()) as connection:
                    self._listen(connection)
            except (psycopg.Error, Unavailable) as error:
                log.warning("keys are looked up for each request, since nothing reports changes", error=str(error))
            self._arrives = False
            # Older lookups must not become valid again when notifications arrive again.
            self._count += 1
            self._closed.wait(RETRY_SECONDS)

    def _listen(self, connection: Any) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        probe = token_hex(8)
        with self._database.write() as other:
            other.execute(_NOTIFY, {"channel": CHANNEL, "payload": probe})
        # A pooler may send each statement to another connection of the server; then no notification arrives.
        if not any(found.payload == probe for found in connection.notifies(timeout=PROBE_SECONDS, stop_after=1)):
            raise Unavailable("the database's notifications do not arrive")
        self._arrives = True
        while not self._closed.is_set():
            for _ in connection.notifies(timeout=_WAIT_SECONDS):
                self._count += 1
