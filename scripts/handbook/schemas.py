"""JSON Schema in words: the type of a field, its bounds, its default. Used for specs and for HTTP."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scripts.handbook.markdown import code, paragraphs, table

Schema = Mapping[str, Any]
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
LENGTHS = {"minLength": "at least", "maxLength": "at most", "minItems": "at least", "maxItems": "at most"}


def name(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def link(reference: str) -> str:
    return f"[{name(reference)}](#{name(reference).lower()})"


def fields(schema: Schema, refer: Callable[[str], str] = link) -> str:
    """The table of an object's fields, and its description above."""
    required = schema.get("required", [])
    rows = [
        (code(field), takes(inner, refer), default(inner, field in required), inner.get("description", ""))
        for field, inner in schema.get("properties", {}).items()
    ]
    described = paragraphs(schema.get("description"))
    parts = [described + "\n"] if described else []
    if rows:
        parts.append(table(("field", "takes", "default", "meaning"), rows))
    elif "properties" not in schema:
        parts.append(f"Takes {takes(schema, refer)}.\n")
    return "\n".join(parts)


def default(schema: Schema, required: bool) -> str:
    if required:
        return "required"
    if "default" not in schema:
        return ""
    text = json.dumps(schema["default"], ensure_ascii=False)
    return code(text) if len(text) <= 60 else "an object with its own defaults"


def takes(schema: Schema, refer: Callable[[str], str] = link) -> str:
    """What a value may be, such as ``whole number, ≥ 1, ≤ 100``."""
    if "$ref" in schema:
        return refer(schema["$ref"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(takes(one, refer) for one in schema[several]))
    if "const" in schema:
        return code(json.dumps(schema["const"], ensure_ascii=False))
    if "enum" in schema:
        return ", ".join(code(json.dumps(one, ensure_ascii=False)) for one in schema["enum"])
    return ", ".join([_kind(schema, refer), *_bounds(schema)])


def _kind(schema: Schema, refer: Callable[[str], str]) -> str:
    match schema.get("type"):
        case "integer":
            return "whole number"
        case "string":
            return "file" if schema.get("format") == "binary" or "contentMediaType" in schema else "text"
        case "array":
            items = schema.get("items") or schema.get("prefixItems", [{}])[0]
            return f"list of {takes(items, refer)}" if items else "list"
        case "object":
            inner = schema.get("additionalProperties")
            return f"object of {takes(inner, refer)}" if isinstance(inner, dict) and inner else "object"
        case None:
            return "any JSON"
        case other:
            return str(other)


def _bounds(schema: Schema) -> Iterator[str]:
    for key, sign in LIMITS.items():
        if key in schema:
            yield f"{sign} {_number(schema[key])}"
    thing = "item" if schema.get("type") == "array" else "character"
    for key, words in LENGTHS.items():
        if key in schema:
            yield f"{words} {schema[key]:,} {thing}{'' if schema[key] == 1 else 's'}"
    if "pattern" in schema:
        yield f"matching {code(schema['pattern'])}"


def _number(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e16 else str(value)
