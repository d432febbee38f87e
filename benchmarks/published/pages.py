"""The tables of the pages, each made from the raw results that its mark names.

A page has its tables between marks, which no reader of the page sees:

    <!-- table: gate-ablation-rates pairs tuned=training.optimizer.lr -->
    <!-- end of table -->

`tuned=PATH` compares each variant at its own best value of the path, `planned=PATH` only those that differ in nothing
but the path.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.published import (
    book,
    files,
    grid,
    memory,
    planned,
    power,
    rows,
    saturation,
    shakespeare,
    zoo,
    zoo_tables,
)
from benchmarks.published.experiments import EXPERIMENTS, RESULTS, ROOT, job
from gatelab.reports import tables
from gatelab.reports.build import job_report
from gatelab.reports.markdown import table_lines
from gatelab.reports.report import Influence, Report
from gatelab.reports.tables import Table

MARK = re.compile(r"(<!-- table: (?P<asked>[^\n]*) -->\n)(?P<table>.*?)(<!-- end of table -->)", re.DOTALL)

TIMES = ("seconds", "share of seconds", "tokens/s", "predicted s")
"""Columns that stay in the files: these runs share a machine with other work. benchmarks/README.md has times."""

TABLES: Mapping[str, Callable[[Report], Table]] = {
    "results": tables.results,
    "pairs": tables.pairs,
    "power": power.table,
    "runs": tables.runs,
    "importance": lambda report: tables.importance(_influence(report)),
    "main-effects": lambda report: tables.main_effects(_influence(report)),
}

GRID = "gru-grid"
"""The experiment that also has the tables of `grid`."""

OF_ROWS: Sequence[tuple[Sequence[str], Mapping[str, Callable[[Any], Table]], Callable[[Path], Any]]] = (
    (grid.FILES, grid.SECONDS, grid.read),
    (memory.FILES, memory.TABLES, memory.read),
    (shakespeare.FILES, shakespeare.TABLES, shakespeare.read),
    (saturation.FILES, saturation.TABLES, saturation.read),
    (book.FILES, book.TABLES, book.read),
)
"""Files that no job's report is made of: their names, the tables of each, and what reads it."""

SETTINGS = ("tuned", "planned")


def pages() -> list[Path]:
    """Every page that has a mark."""
    found = [ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if MARK.search(page.read_text(encoding="utf-8"))]


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
    name, kind, *given = asked.split()
    settings = [(setting, path) for setting, _, path in (each.partition("=") for each in given)]
    of_report = {**TABLES, **(grid.TABLES if name == GRID else {})}
    if name in EXPERIMENTS and kind in of_report and all(setting in SETTINGS for setting, _ in settings):
        found: Table | None = _without(of_report[kind](_report(name, settings)), TIMES)
    else:
        found = None if settings else _of_rows(name, kind)
    if found is None:
        raise ValueError(f"no table is called {asked!r}; use one of {', of '.join(_offered())}")
    return "\n".join(["", *table_lines(found), "", ""])


def _report(name: str, settings: Sequence[tuple[str, str]]) -> Report:
    """The report of an experiment with these tuned and planned paths."""
    found = report(name, tuple(path for setting, path in settings if setting == "tuned"))
    for setting, path in settings:
        found = planned.differing_in(found, path) if setting == "planned" else found
    return found


def _influence(report: Report) -> Influence:
    if report.influence is None:
        raise ValueError(f"{report.title} has no influences: nothing varies")
    return report.influence


def _of_rows(name: str, kind: str) -> Table | None:
    """A table of a file that no job's report is made of; None if there is no such table."""
    file = RESULTS / f"{name}.csv"
    for names, tables_of, read in OF_ROWS:
        if name in names and kind in tables_of:
            return tables_of[kind](read(file))
    return zoo_tables.table(file, kind) if name in zoo.FILES else None


def _offered() -> list[str]:
    """The files and their tables, in words."""
    named: list[tuple[Iterable[str], Iterable[str]]] = [
        (EXPERIMENTS, TABLES),
        ([GRID], grid.TABLES),
        *((names, tables_of) for names, tables_of, _ in OF_ROWS),
        *(([name], tables) for name, tables in zip(zoo.FILES, (zoo_tables.TEXT, zoo_tables.RECALL), strict=True)),
    ]
    return [f"{', '.join(files_of)} with {', '.join(kinds)}" for files_of, kinds in named]


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
