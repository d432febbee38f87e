"""The one clock of all processes: the database's."""

from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement


class DatabaseTime(FunctionElement[float]):
    """The database's time at evaluation, in seconds since 1970."""

    name = "database_time"
    type = Double()
    inherit_cache = True


def now() -> ColumnElement[float]:
    """SQL for the database's present time, in seconds since 1970 (double precision).

    Leases only compare times of this clock, so the clocks of workers need not agree.
    """
    return DatabaseTime()


@compiles(DatabaseTime, "postgresql")
def _postgresql(_element: DatabaseTime, _compiler: Any, **_options: Any) -> str:
    # now() would be the transaction's start, so a lease renewed after a wait for a lock would be too short.
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


@compiles(DatabaseTime, "sqlite")
def _sqlite(_element: DatabaseTime, _compiler: Any, **_options: Any) -> str:
    # unixepoch('subsec') needs SQLite 3.42.
    return "((julianday('now') - 2440587.5) * 86400.0)"
