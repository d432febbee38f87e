"""Every format has the same contents, and generated text stays text in all of them."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from gatelab.reports.build import job_report
from gatelab.reports.charts import Series, bar_chart, line_chart
from gatelab.reports.formats import FORMATS
from gatelab.reports.markdown import escaped
from gatelab.reports.report import Report
from gatelab.wire.runs import RunError
from tests.randomized import examples, unicode_text
from tests.reports.records import evaluation, job_of, record, records, report_of

HOSTILE = [
    "<script>alert(1)</script>",
    "</pre></td><img src=x onerror=alert(1)>",
    '" onload="alert(1)',
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "+1",
    "-1",
    "a | b\n# c\r\n```\n<b>",
    "[link](javascript:alert(1)) ![](http://x) www.example.com http://example.com *a* _b_ ~~c~~ &lt;",
    "nul \x00 bell \x07 escape \x1b[31m bidi \u202e line \u2028",
    "{{ 7 * 7 }} {% raw %}",
    "",
]

PREFIXES = [text.replace("\0", "") for text in HOSTILE]
"""The hostile characters that a spec may contain."""


def hostile_report() -> Report:
    """A report in which every piece of free text is hostile."""
    job = job_of(grid={"training.sample.prefix": PREFIXES}, repeats=2)
    runs = [
        record(run.spec, run.index, 2.0 + run.index / 10, sample=HOSTILE[run.index // 2])
        for run in records(job, [0] * 2 * len(HOSTILE))
    ]
    bad = RunError(type="error", message=HOSTILE[1])
    runs[-1] = record(runs[-1].spec, runs[-1].index, state="failed", error=bad, corpus=HOSTILE[0], device=HOSTILE[2])
    return job_report("job-1", job, runs)


def written(report: Report, format: str) -> str:
    return next(write(report) for name, (_, write) in FORMATS.items() if name == format)


class Page(HTMLParser):
    """A page as a browser reads it: its tags, its attributes, the text of its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.cells: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)
        if tag == "td":
            self.cells.append("")
        self._inside = tag == "td"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def test_a_page_holds_no_markup_but_its_own() -> None:
    page = Page(written(hostile_report(), "html"))
    assert page.tags <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "ul", "li", "p", "strong", "div", "table",
        "thead", "tbody", "tr", "th", "td", "figure", "svg", "g", "line", "text", "polyline", "circle", "rect",
        "details", "summary", "pre",
    }  # fmt: skip
    names = {name for name, _ in page.attributes}
    assert not any(name.startswith("on") for name in names)
    assert not names & {"src", "href", "srcset", "data", "action"}
    assert "=cmd|' /C calc'!A0" in page.cells, "text is shown as it is"
    assert "{{ 7 * 7 }} {% raw %}" in page.cells


def test_a_page_asks_nobody_for_anything() -> None:
    text = written(report_of(job_of(grid={"model.layers": [1, 2], "model.cell.hidden": [4, 8]}), [1, 2, 3, 4]), "html")
    assert not re.search(r"(?i)(src|href)\s*=|url\(|@import|<script|<link|https?://", text)
    assert "default-src 'none'" in text


def test_every_chart_has_its_numbers_in_a_table() -> None:
    job = job_of(grid={"model.layers": [1, 2], "model.cell.hidden": [4, 8]})
    text = written(report_of(job, [1.0, 1.25, 1.5, 1.75]), "html")
    assert text.count("<svg") == 6, "curves, shares, and two for each hyper-parameter"
    cells = Page(text).cells
    for number in ("2.718", "7.389", "3.08", "80.0%"):
        assert number in cells


def test_markdown_reads_as_the_text_that_was_written() -> None:
    """Rendered, a cell has the text and no markup."""
    render = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    text = written(hostile_report(), "md")
    page = Page(render.render(text))
    assert page.tags <= {
        "h1", "h2", "ul", "li", "p", "blockquote", "strong", "table", "thead", "tbody", "tr", "th", "td", "pre", "code"
    }  # fmt: skip
    for line in HOSTILE[:7]:
        assert line in page.cells


@examples(300)
@given(text=unicode_text)
def test_any_text_is_one_line_of_plain_markdown(text: str) -> None:
    line = escaped(text)
    assert len(line.splitlines()) <= 1
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"]).renderInline(line)
    page = Page(f"<td>{rendered}</td>")
    assert page.tags == {"td"}


def test_csv_is_lossless_and_starts_no_formula() -> None:
    report = hostile_report()
    rows = list(csv.DictReader(io.StringIO(written(report, "csv"), newline="")))
    assert [json.loads(row["sample_json"]) for row in rows] == HOSTILE
    assert [json.loads(row["training.sample.prefix"]) for row in rows] == PREFIXES
    for row in rows:
        for name, cell in row.items():
            assert not cell.startswith(("=", "+", "@", "\t", "\r")), (name, cell)
            assert not cell.startswith("-") or float(cell) < 0, (name, cell)


def test_csv_has_numbers_in_full() -> None:
    job = job_of(grid={"training.clip_norm": [None, 0.1], "model.cell.reset": ["before", "after"]}, repeats=2)
    [first, *_] = csv.DictReader(io.StringIO(written(report_of(job, [1 / 3, 2 / 3] * 4), "csv")))
    assert first["training.clip_norm"] == "null"
    assert first["model.cell.reset"] == "before"
    interval = report_of(job, [1 / 3, 2 / 3] * 4).variants[0].averages.validation_perplexity
    assert interval is not None
    assert interval.high is not None
    assert float(first["validation_perplexity"]) == interval.mean
    assert float(first["validation_perplexity_interval"]) == interval.high - interval.mean


def test_json_has_everything_and_comes_back() -> None:
    report = hostile_report()
    assert Report.model_validate_json(written(report, "json")).model_dump(mode="json") == report.model_dump(mode="json")


@pytest.mark.parametrize("format", FORMATS)
def test_a_job_of_which_nothing_is_known_yet_has_a_report(format: str) -> None:
    job = job_of(grid={"model.layers": [1, 2]}, repeats=2)
    nothing: dict[str, Any] = {
        "state": "queued", "step": 0, "epoch": 0, "total_steps": None, "parameters": None, "device": None,
        "predicted_seconds": None, "seconds": None, "tokens_per_second": None, "sample": None, "evaluations": [],
    }  # fmt: skip
    assert "queued" in written(report_of(job, [None] * 4, **nothing), format)


@pytest.mark.parametrize("format", FORMATS)
def test_numbers_that_overflow_are_left_out(format: str) -> None:
    job = job_of(grid={"model.layers": [1, 2]}, repeats=2)
    text = written(report_of(job, [5000.0, 800.0, 1e38, None]), format)
    assert not re.search(r"(?i)\b(nan|inf|infinity)\b", re.sub(r"(?s)<style>.*</style>", "", text))


# -- Charts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "points",
    [[(1, 1)], [(1, 2), (2, 2)], [(-1, 0), (1, 1e-9)], [(1, 1e-300), (2, 1e300)], [(8, 3), (128, 2.9), (1e6, 3)]],
)
def test_a_chart_is_well_formed_and_inside_its_frame(points: list[tuple[float, float]], log: bool) -> None:
    chart = line_chart("<a> & b", [Series('"x" <y>', points)], "x", "y", log_x=log, log_y=log)
    page = ElementTree.fromstring(f"<div>{chart}</div>")
    [line] = page.iter("polyline")
    for pair in line.attrib["points"].split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= 640
        assert 0 <= y <= 300


def test_points_that_are_not_finite_are_left_out() -> None:
    assert line_chart("t", [Series("s", [(1, float("nan")), (2, float("inf"))])], "x", "y") == ""
    chart = line_chart("t", [Series("s", [(1, float("nan")), (2, 1.0), (3, 2.0)])], "x", "y")
    assert len(ElementTree.fromstring(f"<div>{chart}</div>").findall(".//circle")) == 2


def test_bars_are_as_long_as_their_shares() -> None:
    page = ElementTree.fromstring(bar_chart("t", [("<a>", 0.75), ("b", 0.25)]))
    long, short = (float(bar.attrib["width"]) for bar in page.iter("rect"))
    assert long == pytest.approx(3 * short)


def test_curves_of_runs_that_stopped_early_end_where_they_stopped() -> None:
    job, stopped = job_of(grid={"model.layers": [1, 2]}), [evaluation(1, 2.0), evaluation(2, 1.5), evaluation(3, None)]
    runs = records(job, [1.0, 1.0])
    runs[1] = record(runs[1].spec, 1, evaluations=stopped)
    text = written(job_report("job-1", job, runs), "html")
    curves = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + len("</svg>")])
    assert [len(line.attrib["points"].split()) for line in curves.iter("polyline")] == [2, 2]
