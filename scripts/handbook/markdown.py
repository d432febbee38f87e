"""Tables and cells of Markdown."""

import re
from collections.abc import Iterable, Sequence

CODE = re.compile(r"(`[^`]*`)")
TAG = re.compile(r"<(?=[A-Za-z/!?])")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, ending in a newline."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(text: str) -> str:
    """Text that is safe inside a table: one line, with bars escaped."""
    return plain(" ".join(text.split())).replace("|", "\\|")


def plain(text: str) -> str:
    """Text that Markdown shows literally: outside of code, it contains no tags and no attributes of MkDocs."""
    parts = CODE.split(text)
    return "".join(part if part.startswith("`") else TAG.sub("&lt;", part).replace("{", "\\{") for part in parts)


def code(text: object) -> str:
    return f"`{text}`"


def paragraphs(docstring: str | None) -> str:
    """A docstring as Markdown: unindented, with code that is indented by four spaces left as it is."""
    lines = (docstring or "").strip().splitlines()
    indents = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    margin = min(indents, default=0)
    shown = [line.rstrip() for line in lines[:1]] + [line[margin:].rstrip() for line in lines[1:]]
    return "\n".join(line if line.startswith("    ") else plain(line) for line in shown)
