"""Reports as answers, in the requested format."""

from typing import Annotated, Any

from fastapi import Query, Response

from gatelab.reports.formats import FORMATS, Format
from gatelab.reports.report import Report

AskedFormat = Annotated[Format, Query(description="json has everything; csv has one line for each variant")]

REPORT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Report,
        "description": "The report",
        "content": {media.partition(";")[0]: {"schema": {"type": "string"}} for media, _ in FORMATS.values()},
    }
}
"""A report in the OpenAPI schema."""
REPORT_RESPONSES[200]["content"].pop("application/json")


def answer(report: Report, format: Format) -> Response:
    """The report in this format."""
    media_type, write = FORMATS[format]
    return Response(write(report), media_type=media_type)
