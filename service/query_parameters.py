"""Query parameters that a route would ignore: unknown ones, and all but the last of repeated ones."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import ParamTypes
from fastapi.routing import APIRoute

from gatelab.errors import InvalidRequest, Problem
from gatelab.spelling import did_you_mean, nearest

ANY_PARAMETER = {"OpenAI"}
"""Tags of routes whose clients send parameters that mean something elsewhere, such as `api-version`."""


def check_query(request: Request) -> None:
    """
    Raises:
        InvalidRequest: naming every parameter that the route does not know, or takes only once but was given twice.
    """
    route = request.scope["route"]
    if not request.scope["query_string"] or not isinstance(route, APIRoute) or ANY_PARAMETER & set(route.tags):
        return
    known = _known(route)
    given = Counter(name for name, _ in request.query_params.multi_items())
    faults = []
    for name, times in given.items():
        if name not in known:
            there = f"; there are {', '.join(known)}" if known else "; there are none here"
            faults.append(Problem(name, f"unknown query parameter{there}{did_you_mean(nearest(name, known))}"))
        elif times > 1 and not known[name]:
            faults.append(Problem(name, f"was given {times} times; give it once"))
    if faults:
        raise InvalidRequest(faults)


def _known(route: APIRoute) -> Mapping[str, bool]:
    """The query parameters of a route, and whether each may be repeated."""
    return {
        field.alias: _is_list(field.field_info.annotation)
        for field in get_flat_params(route.dependant)
        if getattr(field.field_info, "in_", None) is ParamTypes.query
    }


def _is_list(annotation: Any) -> bool:
    """Whether it is a list, or an optional list."""
    return get_origin(annotation) is list or any(map(_is_list, get_args(annotation)))
