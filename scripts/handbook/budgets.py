"""The page of what a request to each route can cost at most, from `service.budgets`."""

from collections.abc import Iterator, Mapping
from typing import Any

from gatelab.specs import Limits
from gatelab.store.engine import BUSY_SECONDS
from scripts.handbook.markdown import code, table
from service.body_limit import BY_PATH, OTHERS, least
from service.budgets import BUDGETS, Amount, Budget
from service.http_parsing import MOST_HEAD_BYTES
from service.quotas import UNSENT_BYTES

LIMITS = Limits()
UNITS = ("bytes", "KiB", "MiB", "GiB")


def budgets(document: Mapping[str, Any]) -> str:
    """A row for each route."""
    return (
        "# What a request can cost\n\n"
        "Each route has a budget. The numbers hold for the default [limits](configuration.md). If a number comes from\n"
        "a limit, its name is in brackets.\n\n"
        f"- **Request**: bytes of the body. Address and headers may have {_bytes(MOST_HEAD_BYTES)} in any case.\n"
        "- **Answer**: bytes of the whole answer, so that its lists are bounded, too. `generate` and completions have\n"
        "  the bound of a whole answer also when they stream. Other streamed answers have a bound for each piece.\n"
        f"- **Unread streams**: all streams of `GET /v1/jobs/changes` of an account hold {_bytes(UNSENT_BYTES)} of\n"
        "  jobs at once in each process of the service. Further jobs wait until a client reads or disconnects.\n"
        "- **Operations**: what the service computes, in separate threads. `computations` such requests of an account\n"
        "  run at once.\n"
        "- **Rows**: rows of the database that the service reads into memory or writes.\n"
        f"- **Ends**: if the database does not answer for {BUSY_SECONDS} s, the service answers 503. A computation\n"
        "  has no time limit: it ends when its operations are done, or when its client disconnects.\n\n"
        + table(("route", "request", "answer", "operations", "rows", "ends"), list(_rows(document)))
    )


def _rows(document: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            found = BUDGETS[name]
            request = _request(path) if "requestBody" in operation else "none"
            yield code(name), request, _answer(found), _operations(found), _number(found.rows), _ends(found)


def _request(path: str) -> str:
    most, names = least(LIMITS, BY_PATH.get(path, OTHERS))
    return _bytes(most) + _named(names)


def _answer(budget: Budget) -> str:
    value = budget.answer.value(LIMITS)
    if value == 0:
        return "none"
    size = "the model" if value is None else _bytes(value) + _named(budget.answer.limits)
    return f"streamed, {size}" if budget.streamed else size


def _operations(budget: Budget) -> str:
    if budget.operations is None:
        return "none"
    unit, value = budget.operations.unit, budget.operations.value(LIMITS)
    if value is None:
        return f"the {unit}{_named(budget.operations.limits)}"
    counted = f"{value:.2g}" if value >= 10**9 else f"{value:,}"
    return f"{counted} {unit}{_named(budget.operations.limits)}"


def _number(amount: Amount) -> str:
    value = amount.value(LIMITS)
    return "none" if not value else f"{value:,}{_named(amount.limits)}"


def _ends(budget: Budget) -> str:
    if budget.rows.value(LIMITS) == 0 and budget.operations is None:
        return "at once"
    if budget.seconds is not None:
        return f"{budget.seconds} s"
    return "when it is done" if budget.operations else "when the job has ended, or the client has gone"


def _named(limits: list[str]) -> str:
    return f" ({', '.join(map(code, limits))})" if limits else ""


def _bytes(number: int) -> str:
    size, unit = float(number), 0
    while size >= 1024 and unit + 1 < len(UNITS):
        size, unit = size / 1024, unit + 1
    return f"{size:,.4g} {UNITS[unit]}"
