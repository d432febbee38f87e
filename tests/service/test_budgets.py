"""Every route has a budget, and every value that it takes has a bound in the API's description or by a limit."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from gatelab.specs import Limits
from service.budgets import BUDGETS, BY_SETTING, Amount
from service.runs.export_routes import LONGEST_TRACE
from service.schema import FILE
from tests.service.conftest import Trained
from tests.service.installation import Installation

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
BOUNDED_TEXTS = ("maxLength", "enum", "const", "pattern", "format")


def parts(schema: Any, path: str = "", seen: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Every schema inside a schema, with the path to it."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        if name not in seen:
            yield from parts(DOCUMENT["components"]["schemas"][name], path, seen | {name})
        return
    yield path, schema
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from parts(one, path, seen)
    for one in (schema.get("items"), *schema.get("prefixItems", ())):
        if one:
            yield from parts(one, f"{path}[]", seen)
    if isinstance(inner := schema.get("additionalProperties"), dict):
        yield from parts(inner, f"{path}{{}}", seen)
    for name, one in schema.get("properties", {}).items():
        yield from parts(one, f"{path}.{name}".lstrip("."), seen)


def unbounded(schema: Any) -> Iterator[str]:
    """The paths of values that have no bound in a schema."""
    for path, part in parts(schema):
        match part.get("type"):
            case "integer":
                bounded = any(key in part for key in ("minimum", "exclusiveMinimum"))
                bounded &= any(key in part for key in ("maximum", "exclusiveMaximum"))
            case "string":
                bounded = any(key in part for key in BOUNDED_TEXTS)
            case "array":
                bounded = "maxItems" in part
            case "object" if isinstance(part.get("additionalProperties"), dict):
                bounded = "maxProperties" in part
            case _:
                bounded = True
        if not bounded:
            yield path


def bodies() -> Iterator[tuple[str, Any]]:
    for name, operation in OPERATIONS.items():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield name, content["schema"]


def test_every_route_has_a_budget_and_none_is_left_over() -> None:
    assert BUDGETS.keys() == OPERATIONS.keys()


def test_a_route_that_computes_has_operations(service: Installation) -> None:
    app = service.client.app
    assert isinstance(app, FastAPI)
    computing = {
        f"{method} {route.path}"
        for route in app.routes
        if isinstance(route, APIRoute) and "run_computation" in inspect.signature(route.endpoint).parameters
        for method in route.methods or ()
    }
    assert len(computing) > 10
    for name in computing:
        assert BUDGETS[name].operations is not None, name
        assert BUDGETS[name].seconds in (None, LONGEST_TRACE), name


def test_every_amount_is_of_limits_that_there_are() -> None:
    for name, budget in BUDGETS.items():
        for amount in (budget.answer, budget.rows, budget.operations or Amount((1,))):
            assert set(amount.limits) <= Limits.model_fields.keys(), name
            assert (amount.value(Limits()) is None) == any(getattr(Limits(), limit) == 0 for limit in amount.limits)


def test_every_parameter_has_bounds() -> None:
    """Texts in the address and in headers have the bound of address and headers: `MOST_HEAD_BYTES`."""
    looked_at = 0
    for name, operation in OPERATIONS.items():
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            texts = {path for path, part in parts(schema) if part.get("type") == "string"}
            assert set(unbounded(schema)) <= texts, (name, parameter["name"])
            looked_at += 1
    assert looked_at > 50


def test_every_value_of_a_body_has_a_bound_or_a_limit_that_bounds_it() -> None:
    found = {(name, path) for name, schema in bodies() for path in unbounded(schema)}
    by_limit = {path for _, path in found if path in BY_SETTING}
    assert by_limit == BY_SETTING.keys()
    assert {one for one in found if one[1] not in BY_SETTING} == {("POST /v1/corpora", "name")}
    assert set(BY_SETTING.values()) <= Limits.model_fields.keys()


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "integer", "minimum": 0}, ""),
        ({"type": "object", "properties": {"a": {"type": "array", "maxItems": 3, "items": {"type": "string"}}}}, "a[]"),
        ({"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "boolean"}}]}, ""),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, ""),
    ],
)
def test_what_has_no_bound_is_found(schema: Any, path: str) -> None:
    assert list(unbounded(schema)) == [path]


def test_every_answer_keeps_its_budget(trained: Trained) -> None:
    """A list has no bound in the description: the bytes of the answer bound it."""
    known = {"job": trained.job, "corpus": "wells", "step": str(trained.run["step"]), "key": "key-none"}
    names = {"run": trained.run["id"], "model": trained.run["id"], "model_name": trained.run["id"], **known}
    limits = trained.service.settings.limits
    asked = 0
    for name, budget in BUDGETS.items():
        method, _, path = name.partition(" ")
        if method != "GET" or path == "/v1/jobs/changes":  # which does not end
            continue
        query = {"runs": trained.run["id"]} if path == "/v1/compare" else {}
        answer = trained.service.client.get(path.format(**names), params=query)
        assert answer.status_code == 200, (name, answer.text)
        most = budget.answer.value(limits)
        assert budget.streamed or most is None or len(answer.content) <= most, name
        asked += 1
    assert asked > 25
