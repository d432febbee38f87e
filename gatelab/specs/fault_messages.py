"""pydantic's faults in the user's terms: the path as written, what is wrong, what was given, and what is allowed."""

import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from functools import lru_cache
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from gatelab.errors import Problem
from gatelab.specs.texts import unfit
from gatelab.spelling import did_you_mean, nearest, nearest_path

MOST_TOLD = 100
"""The most faults of one input that are listed one by one."""
MOST_HINTS = 20
"""The most faults of one input that get a suggestion."""
MOST_CHOICES = 10
FIRST_CHOICES = 4
"""The number of choices that are named if there are more than `MOST_CHOICES`."""
_SHOWN = 40
"""Characters of a value that a message shows."""


def problems(faults: Iterable[Mapping[str, Any]], data: object, kind: type[BaseModel] | None = None) -> list[Problem]:
    """pydantic's faults with paths of the input `data`, without the tags of unions.

    Args:
        kind: the type that `data` should have had. Unknown fields are compared with its fields.
    """
    found: dict[Problem, None] = {}
    told = [fault for fault in faults if not _follows(fault)]
    for number, fault in enumerate(told[:MOST_TOLD]):
        path, message = _input_path(fault, data), _message(fault)
        if number < MOST_HINTS:
            message += _field_hint(path, kind) if fault["type"] == "extra_forbidden" else _choice_hint(fault)
        found[Problem(path, message)] = None
    if len(told) > MOST_TOLD:
        found[Problem("", f"there are {len(told) - MOST_TOLD} more faults")] = None
    return list(found)


def describe(fault: Mapping[str, Any]) -> str:
    """What is wrong, what is allowed, and a suggestion, in one line."""
    return _message(fault) + _choice_hint(fault)


def _message(fault: Mapping[str, Any]) -> str:
    message: str = fault["msg"]
    value = fault.get("input")
    match fault["type"]:
        case "extra_forbidden":
            return "unknown field"
        case "missing":
            return "this field is required"
        case "model_type" | "dict_type" | "model_attributes_type":
            return "must be an object with fields"
        case "union_tag_invalid":
            field, allowed = fault["ctx"]["discriminator"].strip("'"), _few(fault["ctx"]["expected_tags"])
            return f"unknown {field} {_short(fault['ctx']['tag'])!r}; use one of {allowed}"
        case "union_tag_not_found":
            return f"the field {fault['ctx']['discriminator']} is required"
        case "value_error":
            return message.removeprefix("Value error, ")
        case "string_unicode" if isinstance(value, str):
            return unfit(value) or message
        case "too_short" | "string_too_short" | "bytes_too_short":
            return _length(fault, "at least", fault["ctx"]["min_length"])
        case "too_long" | "string_too_long" | "bytes_too_long":
            return _length(fault, "at most", fault["ctx"]["max_length"])
    return message[:1].lower() + message[1:] + _given(value)


def _few(choices: str) -> str:
    """The choices, or the first of them if there are too many to read."""
    each = choices.split(", ")
    if len(each) <= MOST_CHOICES:
        return choices
    return f"{', '.join(each[:FIRST_CHOICES])}, or one of {len(each) - FIRST_CHOICES} others such as {each[-1]}"


def _given(value: object) -> str:
    too_long = isinstance(value, str) and len(value) > _SHOWN
    if too_long or not isinstance(value, str | int | float) or len(repr(value)) > _SHOWN:
        return ""
    return f" (got {value!r})"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _length(fault: Mapping[str, Any], bound: str, allowed: int) -> str:
    """Correct pydantic's wording: it says 'items' for the characters of a text, and counts only the valid ones."""
    value = fault["input"]
    given = len(value) if isinstance(value, Sized) else fault["ctx"].get("actual_length")
    match value:
        case str():
            one, many = "character", "characters"
        case bytes():
            one, many = "byte", "bytes"
        case Mapping():
            one, many = "entry", "entries"
        case _:
            one, many = "item", "items"
    counted = "more" if given is None else str(given)
    return f"must have {bound} {allowed} {one if allowed == 1 else many}, not {counted}"


def _follows(fault: Mapping[str, Any]) -> bool:
    """Whether a list is only too short because some of its items were wrong, which are faults themselves."""
    value = fault.get("input")
    return fault["type"] == "too_short" and isinstance(value, Sized) and len(value) >= fault["ctx"]["min_length"]


def _input_path(fault: Mapping[str, Any], data: object) -> str:
    """The dotted path in `data` of a pydantic fault, whose location also holds union tags and type names."""
    path: list[str] = []
    here = data
    for key in fault["loc"]:
        if isinstance(here, Mapping) and key in here:
            here = here[key]
        elif isinstance(here, Sequence) and not isinstance(here, str) and isinstance(key, int):
            here = here[key] if key < len(here) else None
        else:
            continue  # a tag: not something the user wrote
        path.append(str(key))
    if fault["type"] == "missing" and fault["loc"]:
        path.append(str(fault["loc"][-1]))
    return ".".join(path)


# -- Suggestions --------------------------------------------------------------------------------------------------


def _choice_hint(fault: Mapping[str, Any]) -> str:
    """The suggestion for a word that is not one of the choices."""
    context = fault.get("ctx") or {}
    match fault["type"]:
        case "union_tag_invalid":
            given, allowed = context["tag"], context["expected_tags"]
        case "literal_error" | "enum":
            given, allowed = fault.get("input"), context["expected"]
        case _:
            return ""
    return did_you_mean(nearest(given, re.findall(r"'([^']*)'", allowed))) if isinstance(given, str) else ""


def _field_hint(path: str, kind: type[BaseModel] | None) -> str:
    """The suggestion for an unknown field."""
    if kind is None:
        return ""
    parents, _, _ = path.rpartition(".")
    plain = _without_places(path)
    found = nearest_path(plain, paths(kind))
    if found is not None and found.rpartition(".")[0] == _without_places(parents):
        found = ".".join(filter(None, (parents, found.rpartition(".")[2])))
    return did_you_mean(found)


def _without_places(path: str) -> str:
    """The path without the places of items in lists."""
    return ".".join(name for name in path.split(".") if not name.isdecimal())


@lru_cache(maxsize=64)
def paths(kind: type[BaseModel]) -> tuple[str, ...]:
    """The dotted paths of all fields of a model and its parts, for every choice, without places in lists."""
    return tuple(dict.fromkeys(_paths(kind)))


def _paths(kind: type[BaseModel]) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        yield name
        for inner in _models(field.annotation):
            yield from (f"{name}.{path}" for path in paths(inner))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models of which a type consists, except for those in objects with arbitrary keys."""
    if isinstance(annotation, type) and not get_origin(annotation):
        if issubclass(annotation, BaseModel):
            yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, tuple, list) or hasattr(annotation, "__metadata__"):
        for argument in get_args(annotation):
            yield from _models(argument)
