"""The tables of the pages, each made from the raw results that its mark names.

A page has its tables between marks, which no reader of the page sees:

    <!-- table: gate-ablation-rates pairs tuned=training.optimizer.lr -->
    <!-- end of table -->
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from benchmarks.published import files, memory, power, rows, shakespeare
from benchmarks.published.experiments import EXPERIMENTS, RESULTS, ROOT, job
from gatelab.reports import tables
from gatelab.reports.build import job_report
from gatelab.reports.markdown import table_lines
from gatelab.reports.report import Report
from gatelab.reports.tables import Table

MARK = re.compile(r"(<!-- table: (?P<asked>[^\n]*) -->\n)(?P<table>.*?)(<!-- end of table -->)", re.DOTALL)

TIMES = ("seconds", "tokens/s", "predicted s")
"""Columns that stay in the files: these runs share a machine with other work. benchmarks/README.md has times."""

TABLES: Mapping[str, Callable[[Report], Table]] = {
    "results": tables.results,
    "pairs": tables.pairs,
    "power": power.table,
    "runs": tables.runs,
}


def pages() -> list[Path]:
    """Every page that has a mark."""
    return [page for page in sorted((ROOT / "docs").rglob("*.md")) if MARK.search(page.read_text(encoding="utf-8"))]


def marks(page: Path) -> Iterator[tuple[str, str]]:
    """What each mark of a page asks for, and the table that stands there."""
    for mark in MARK.finditer(page.read_text(encoding="utf-8")):
        yield mark["asked"], mark["table"]


def rewrite(page: Path) -> None:
    """Put the tables of the raw results into a page."""
    text = page.read_text(encoding="utf-8")
    page.write_text(MARK.sub(lambda mark: f"{mark[1]}{table(mark['asked'])}{mark[4]}", text), encoding="utf-8")


def table(asked: str) -> str:
    """The lines of a table, with an empty one before and behind it.

    Raises:
        ValueError: no such table can be made; the message says what can.
        FileNotFoundError: its raw results do not exist.
    """
    name, kind, *settings = asked.split()
    file = RESULTS / f"{name}.csv"
    tuned = tuple(setting.removeprefix("tuned=") for setting in settings)
    if name in memory.FILES and kind in memory.TABLES and not settings:
        found = memory.TABLES[kind](memory.read(file))
    elif name in shakespeare.FILES and kind in shakespeare.TABLES and not settings:
        found = shakespeare.TABLES[kind](shakespeare.read(file))
    elif name in EXPERIMENTS and kind in TABLES and all(setting.startswith("tuned=") for setting in settings):
        found = _without(TABLES[kind](report(name, tuned)), TIMES)
    else:
        trained = f"{', '.join(EXPERIMENTS)} with {', '.join(TABLES)}"
        remembered = f"{', '.join(memory.FILES)} with {', '.join(memory.TABLES)}"
        timed = f"{', '.join(shakespeare.FILES)} with {', '.join(shakespeare.TABLES)}"
        raise ValueError(f"no table is called {asked!r}; use one of {trained}, of {remembered}, or of {timed}")
    return "\n".join(["", *table_lines(found), "", ""])


@cache
def report(name: str, tuned: Sequence[str]) -> Report:
    asked = job(name)
    return job_report(name, asked, rows.records(asked, files.read(RESULTS / f"{name}.csv")), tuned)


def _without(table: Table, columns: Sequence[str]) -> Table:
    kept = [place for place, column in enumerate(table.columns) if column not in columns]
    return Table(
        table.title,
        [table.columns[place] for place in kept],
        [[row[place] for place in kept] for row in table.rows],
        frozenset(new for new, old in enumerate(kept) if old in table.numeric),
    )
