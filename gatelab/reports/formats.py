"""The formats of a report, and the functions that write them."""

from collections.abc import Callable, Mapping
from typing import Literal

from gatelab.reports.csv import as_csv
from gatelab.reports.html import as_html
from gatelab.reports.markdown import as_markdown
from gatelab.reports.report import Report

Format = Literal["json", "csv", "md", "html"]


def as_json(report: Report) -> str:
    """All of it. NaN and infinities do not occur."""
    return report.model_dump_json()


FORMATS: Mapping[Format, tuple[str, Callable[[Report], str]]] = {
    "json": ("application/json", as_json),
    "csv": ("text/csv; charset=utf-8", as_csv),
    "md": ("text/markdown; charset=utf-8", as_markdown),
    "html": ("text/html; charset=utf-8", as_html),
}
"""Format -> media type, and the function that writes it."""
