"""Connections to PostgreSQL."""

import math
import time
from typing import Any

from sqlalchemy import URL, Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

_RESTING = "gatelab_resting"
LARGE = {"gatelab_large": True}
"""An execution option of a query that reads megabytes. PostgreSQL then sends its binary format. In its text format,
bytes are hexadecimal digits. While psycopg decodes 16 MB of them, all other threads wait for 60 to 85 ms, instead of 5
to 14.
"""
PING_SECONDS = 1.0
"""Seconds without use after which a connection is tested before it is used."""

# A statement never waits for long for a process that stopped inside its transaction, and such a process loses its
# connection. A network that drops packets counts as a lost connection after a similar time.
_OPTIONS = "-c lock_timeout=5s -c idle_in_transaction_session_timeout=10s"
_ARGUMENTS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "gatelab",
}


def connect_arguments(url: URL) -> dict[str, Any]:
    """Arguments for psycopg, besides those in the URL."""
    # The URL's own settings come later and so take precedence.
    options = f"{_OPTIONS} {url.query.get('options', '')}".strip()
    return {**_ARGUMENTS, "options": options}


def read_large_values_as_bytes(engine: Engine) -> None:
    """Let queries with the option `LARGE` get their results in the binary format."""
    from psycopg.pq import Format

    @event.listens_for(engine, "before_cursor_execute")
    def prepare(_connection: Any, cursor: Any, _statement: Any, _parameters: Any, context: Any, _many: Any) -> None:
        if context is not None and context.execution_options.keys() >= LARGE.keys():
            cursor.format = Format.BINARY


def ping_the_idle(engine: Engine) -> None:
    """Replace dead connections of the pool like `pool_pre_ping`, which asks the server before each transaction; here
    only those that have not been used for a while are tested."""

    @event.listens_for(engine, "checkin")
    def rest(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_RESTING] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def wake(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        if time.monotonic() - record.info.pop(_RESTING, math.inf) < PING_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error
