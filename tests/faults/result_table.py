"""The results of faults, as a row of a table."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, fields

from tests.faults.campaign import Row
from tests.faults.damage import Damage

HEAD = [
    "fault",
    "database",
    "injected",
    "recovered",
    "runs",
    *(field.name for field in fields(Damage)),
    "recovery p50",
    "recovery max",
]


def cells(row: Row) -> Sequence[str]:
    """The values of the columns in HEAD."""
    counts = [row.injected, len(row.recoveries), row.runs, *asdict(row.damage).values()]
    times = [statistics.median(row.recoveries), max(row.recoveries)] if row.recoveries else []
    seconds = [f"{time:.1f} s" for time in times] or ["", ""]
    return [row.fault, row.database, *map(str, counts), *seconds]
