"""A report as CSV (RFC 4180): one line for each variant, for programs and spreadsheets.

Means are numbers in full precision, with the half width of their 95 % confidence interval beside them. The sample
and every value that is not a number or a plain word are JSON: a sample may hold line breaks, control characters, or
begin with what a spreadsheet takes for a formula (`=`, `+`, `-`, `@`). As JSON it begins with a quotation mark, stays
on one line and loses nothing: `json.loads` gives the text back.
"""

import csv
import io
import json
import re
from typing import Any

from gatelab.reports.report import (
    Averages,
    Interval,
    Report,
    Variant,
)

PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")


def as_csv(report: Report) -> str:
    """One line per variant, headings first."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(
        [
            "variant",
            *report.paths,
            "parameters",
            "runs",
            "seeds",
            "succeeded",
            *(column for name in Averages.model_fields for column in (name, f"{name}_interval")),
            "troubles",
            "sample_json",
        ]
    )
    writer.writerows(_row(report, variant) for variant in report.variants)
    return text.getvalue()


def _row(report: Report, variant: Variant) -> list[Any]:
    return [
        variant.number,
        *(_cell(variant.values[path]) if path in variant.values else "" for path in report.paths),
        variant.parameters,
        len(variant.runs),
        variant.seeds,
        variant.succeeded,
        *(cell for name in Averages.model_fields for cell in _interval(getattr(variant.averages, name))),
        "; ".join(variant.troubles),
        "" if variant.sample is None else json.dumps(variant.sample),
    ]


def _interval(interval: Interval | None) -> tuple[float | None, float | None]:
    """The mean, and the half width of its interval."""
    if interval is None:
        return None, None
    return interval.mean, None if interval.high is None else interval.high - interval.mean


def _cell(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return json.dumps(value)
    return json.dumps(value) if isinstance(value, str) and not PLAIN_WORD.fullmatch(value) else value
