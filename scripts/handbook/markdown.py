"""Tables and cells of Markdown."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, ending in a newline."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(text: str) -> str:
    """Text that is safe inside a table: one line, with bars escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    return f"`{text}`"


def paragraphs(docstring: str | None) -> str:
    """A docstring as Markdown: unindented, with code that is indented by four spaces left as it is."""
    lines = (docstring or "").strip().splitlines()
    indents = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    margin = min(indents, default=0)
    return "\n".join([line.rstrip() for line in lines[:1]] + [line[margin:].rstrip() for line in lines[1:]])
