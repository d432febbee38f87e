"""The connection to the database: SQLite (one file) or PostgreSQL."""

import json
import math
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, RowMapping, Select, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gatelab.errors import InvalidInput, InvalidRequest, Unavailable
from gatelab.secrets import keep_private, write_secret
from gatelab.store.postgresql import connect_arguments, ping_the_idle, read_large_values_as_bytes
from gatelab.store.retry import retrying

BUSY_SECONDS = 15
_FORGET_MILLISECONDS = 200
_BEGIN = "gatelab_begin"


def finite(value: Any) -> Any:
    """`value` with every NaN and infinity in it, at any depth, replaced by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def _to_json(value: Any) -> str:
    return json.dumps(finite(value), allow_nan=False)


_ENGINE: dict[str, Any] = {
    # No connection is opened only to be closed at once, which took a sixth of a busy service's time.
    "pool_size": 20,
    "max_overflow": 0,
    "pool_timeout": BUSY_SECONDS,
    "json_serializer": _to_json,
    # Errors are logged, and the parameters of a statement may be somebody's text.
    "hide_parameters": True,
}


class Database:
    """Transactions on one database. Safe to share between threads.

    Nothing is opened before the first transaction, so a process may fork after making this and before using it.
    """

    def __init__(self, url: str, *, foreign_keys: bool = True, busy_seconds: float = BUSY_SECONDS) -> None:
        """
        Args:
            url: `sqlite:///path` or `postgresql://user:password@host/name`.
            foreign_keys: False leaves them unchecked on SQLite, whose migrations replace tables that others refer to.
            busy_seconds: how long to wait on SQLite while another process locks the file.

        Raises:
            InvalidInput: any other URL.
        """
        self.url = _supported(url)
        self._foreign_keys, self._busy_seconds = foreign_keys, busy_seconds
        self._engine: Engine | None = None
        self._reading: Engine | None = None
        self._alone: Engine | None = None
        self._lock = threading.Lock()

    @property
    def engine(self) -> Engine:
        if (engine := self._engine) is not None:
            return engine
        with self._lock:
            if self._engine is None:
                engine = _engine(self.url, self._foreign_keys, self._busy_seconds)
                is_file = self.path is not None
                # By default each statement of PostgreSQL reads a state of its own.
                reading = {_BEGIN: "BEGIN"} if is_file else {"isolation_level": "REPEATABLE READ"}
                alone = {_BEGIN: None} if is_file else {"isolation_level": "AUTOCOMMIT"}
                self._reading = engine.execution_options(**reading)
                self._alone = engine.execution_options(**alone)
                self._engine = engine
            return self._engine

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database; None for PostgreSQL."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads. All its statements read the same state of the database.

        Raises:
            Unavailable: the database cannot be reached, or the connection was lost.
            InvalidRequest: a value is too large for the database.
        """
        return self._transaction("reading")

    def first(self, statement: Select[Any], parameters: Mapping[str, Any]) -> RowMapping | None:
        """The first row that one statement reads, None if there is none. It needs no transaction.

        Raises:
            Unavailable, InvalidRequest: as `read`.
        """
        with self._transaction("alone") as connection:
            return connection.execute(statement, parameters).mappings().first()

    def all(self, statement: Select[Any], parameters: Mapping[str, Any]) -> Sequence[RowMapping]:
        """All rows that one statement reads. It needs no transaction.

        Raises:
            Unavailable, InvalidRequest: as `read`.
        """
        with self._transaction("alone") as connection:
            return connection.execute(statement, parameters).mappings().all()

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that writes: committed at the end of the block, rolled back if that raises.

        Raises:
            Unavailable: the database cannot be reached, the connection was lost, or another process holds a lock for
                too long. If the connection was lost during the commit, it may nevertheless have happened.
            InvalidRequest: a value is too large for the database.
        """
        return self._transaction("writing")

    def listener(self) -> Any:
        """A connection of psycopg's own to PostgreSQL, beside the pool, which commits each statement at once."""
        import psycopg

        _, options = self.engine.dialect.create_connect_args(self.url)
        return psycopg.connect(**{**options, **connect_arguments(self.url)}, autocommit=True)

    def forget(self) -> bool:
        """Clear SQLite's log, in which deleted rows stay readable until it is overwritten. Does nothing on PostgreSQL.

        This may fail, since a reader may need the log at this moment. A later call then clears it.

        Returns:
            Whether the log is cleared.
        """
        if self.path is None:
            return True
        with suppress(SQLAlchemyError, sqlite3.Error), closing(self.engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={_FORGET_MILLISECONDS}")
            try:
                busy: int = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                return not busy
            finally:
                cursor.execute(f"PRAGMA busy_timeout={round(self._busy_seconds * 1000)}")
        return False

    def shrink(self, pages: int) -> None:
        """Return up to `pages` free pages of SQLite's file to the disk, if the file was made for that.

        Raises:
            Unavailable: another process holds the lock for too long, or the disk is full.
        """
        try:
            with closing(self.engine.raw_connection()) as connection:
                # `execute` would only take one step, which frees one page.
                connection.cursor().executescript(f"PRAGMA incremental_vacuum({pages})")
        except (OperationalError, sqlite3.Error) as error:
            raise Unavailable(f"the database cannot be reached now: {_reason(error)}") from error

    def close(self) -> None:
        """Close all connections. A later transaction opens new ones."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = self._reading = self._alone = None

    @contextmanager
    def _transaction(self, kind: Literal["reading", "writing", "alone"]) -> Iterator[Connection]:
        engine = self.engine
        if kind != "writing":
            engine = (self._reading if kind == "reading" else self._alone) or engine
        try:
            with engine.connect() as connection:
                if kind == "alone":
                    yield connection
                else:
                    with connection.begin():
                        yield connection
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise Unavailable(f"the database cannot be reached now: {_reason(error)}") from error
        except (DataError, OverflowError, UnicodeEncodeError) as error:
            raise InvalidRequest.at("", f"the database cannot hold a value: {_reason(error)}") from error
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            raise Unavailable(f"the connection to the database was lost: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().partition("\n")[0]


def _supported(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise InvalidInput.at("database_url", "must be a URL such as postgresql://user@host/name") from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise InvalidInput.at("database_url", "SQLite needs a file, such as sqlite:////var/lib/gatelab/gatelab.db")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise InvalidInput.at("database_url", f"must be sqlite or postgresql, not {url.drivername}")
    return url


def _engine(url: URL, foreign_keys: bool, busy_seconds: float) -> Engine:
    if url.drivername == "sqlite":
        return _sqlite(url, foreign_keys, busy_seconds)
    engine = create_engine(url, **_ENGINE, connect_args=connect_arguments(url))
    ping_the_idle(engine)
    read_large_values_as_bytes(engine)
    return engine


def _sqlite(url: URL, foreign_keys: bool, busy_seconds: float) -> Engine:
    _make_private(Path(url.database or ""))
    engine = create_engine(
        url,
        **_ENGINE,
        # None: sqlite3 opens no transactions of its own; the begin event below does.
        connect_args={"timeout": busy_seconds, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        retrying(lambda: _use_write_ahead_log(cursor), busy_seconds)
        checked = f"foreign_keys={'ON' if foreign_keys else 'OFF'}"
        for pragma in ("synchronous=FULL", checked, "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and requests the write lock later fails at once if another one wrote in
        # between, whatever the busy timeout.
        if begin := connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE"):
            connection.exec_driver_sql(begin)

    return engine


def _make_private(file: Path) -> None:
    """Give the database file its mode; the files that SQLite makes beside it get the same.

    The file is not opened here, because SQLite loses its locks on a file when the process closes it.
    """
    with suppress(OSError):
        if not file.exists():
            write_secret(file, b"", keep=True)
    for ending in ("", "-wal", "-shm"):
        keep_private(file.with_name(file.name + ending))


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """The first connection to a new file. If two come at once, SQLite refuses one of them despite the busy timeout."""
    try:
        # This only makes an empty file one that can be cut; of any other file, SQLite just writes the first page.
        if not cursor.execute("PRAGMA page_count").fetchone()[0]:
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        cursor.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        raise Unavailable(f"the database cannot be opened now: {error}") from error
