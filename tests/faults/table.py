"""What came of faults, in one table."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields

from tests.faults.campaign import Row
from tests.faults.damage import Damage

_HEAD = [
    "fault",
    "database",
    "injected",
    "recovered",
    "runs",
    *(field.name for field in fields(Damage)),
    "recovery p50",
    "recovery max",
]


def markdown(rows: Iterable[Row]) -> str:
    lines = [_HEAD, ["---"] * 2 + ["---:"] * (len(_HEAD) - 2), *map(_cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(row: Row) -> Sequence[str]:
    counts = [row.injected, len(row.recoveries), row.runs, *asdict(row.damage).values()]
    times = [statistics.median(row.recoveries), max(row.recoveries)] if row.recoveries else []
    seconds = [f"{time:.1f} s" for time in times] or ["", ""]
    return [row.fault, row.database, *map(str, counts), *seconds]
