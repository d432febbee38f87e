"""A report as GitHub-flavoured Markdown. Text from models and users is shown as it is: nothing in it is markup."""

import re
from collections.abc import Iterator

from gatelab.reports import tables
from gatelab.reports.report import Report
from gatelab.reports.tables import Table
from gatelab.specs import yaml_reader

_MARKUP = re.compile(r"([\\`*\[\]<>|~&$]|:(?=//)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
"""Punctuation with a meaning inside a line of Markdown. A backslash before it removes that (CommonMark 2.4)."""
_WEB = re.compile(r"(?i)(www|mailto|xmpp)\.")
"""Text that GitHub turns into links although it has no punctuation to escape."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def as_markdown(report: Report) -> str:
    return "\n".join(_lines(report)) + "\n"


def escaped(text: str) -> str:
    """`text` as part of one line that is shown literally. Line breaks become ⏎, other control characters �."""
    plain = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", re.sub(r"\r\n?|\n", "⏎", text))
    return _WEB.sub(r"\1\\.", _MARKUP.sub(r"\\\1", plain))


def table_lines(table: Table) -> Iterator[str]:
    """Only the lines of a table, without its title and its note."""
    yield _row(map(escaped, table.columns))
    yield _row("--:" if place in table.numeric else ":--" for place in range(len(table.columns)))
    yield from (_row(map(escaped, row)) for row in table.rows)


def _lines(report: Report) -> Iterator[str]:
    yield from (f"# {escaped(report.title)}", "")
    yield from (f"- {escaped(fact)}" for fact in tables.facts(report))
    for warning in report.warnings:
        yield from ("", f"> **Compare with care.** {escaped(warning)}")
    yield from _table(tables.results(report))
    yield from (f"\n{escaped(method)}" for method in report.methods)
    if report.comparison.pairs:
        yield from _table(tables.pairs(report))
    elif report.comparison.note:
        yield from ("", escaped(report.comparison.note))
    if report.influence:
        yield from _table(tables.importance(report.influence))
        yield from _table(tables.main_effects(report.influence))
    if report.branches:
        yield from _table(tables.branches(report))
    yield from _table(tables.runs(report))
    if report.spec:
        yield from ("", "## Spec", "", _fenced(yaml_reader.dump(report.spec)))


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"## {table.title}", "")
    yield from table_lines(table)
    if table.note:
        yield from ("", escaped(table.note))


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _fenced(text: str) -> str:
    """A block of code that nothing in `text` can end."""
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}yaml\n{text}{fence}"
