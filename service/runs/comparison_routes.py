"""/v1/compare: runs of any jobs side by side."""

from typing import Annotated

from fastapi import Query, Response

from gatelab.errors import InvalidRequest
from gatelab.reports.build import comparison_report
from service.authorization import Asking
from service.computing import computing
from service.context import Service
from service.report_formats import REPORT_RESPONSES, AskedFormat, answer
from service.routing import Router

router = Router(prefix="/v1/compare", tags=["runs"])

MOST_RUNS = 1000
MOST_CHARACTERS = 32_000
"""More than the ids of `MOST_RUNS` have, and less than the head of a request may have."""


@router.get("", response_class=Response, responses=REPORT_RESPONSES)
@computing
def compare_runs(
    service: Service,
    asking: Asking,
    runs: Annotated[str, Query(max_length=MOST_CHARACTERS, description="comma-separated ids of runs")],
    format: AskedFormat = "json",
) -> Response:
    """Report on runs of any jobs, with a warning for every difference that makes them hard to compare.

    The report has a row for each run; runs that differ only in the seed share a row.
    """
    ids = [id for id in (part.strip() for part in runs.split(",")) if id]
    if len(ids) > MOST_RUNS:
        raise InvalidRequest.at("runs", f"{len(ids)} runs were given; at most {MOST_RUNS} are allowed")
    for id in ids:
        service.store.accounts.require(asking.account, "run", id)
    return answer(comparison_report(service.store.results.of_runs(ids)), format)
