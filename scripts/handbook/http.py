"""The page of the HTTP API, from its OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.handbook.markdown import code, paragraphs, table
from scripts.handbook.schemas import default, fields, takes

Document = Mapping[str, Any]
HIDDEN = {"ValidationError", "HTTPValidationError"}


def http(document: Document) -> str:
    """Every route by its tag, then every object that the routes take or answer."""
    parts = [
        "# The HTTP API\n",
        "The service describes itself: `/openapi.json` is this page for programs, and `/docs` lets you try requests.\n"
        "Requests carry a key as `Authorization: Bearer KEY`. Errors are [problem documents](errors.md).\n"
        "Lists come in pages: `limit` bounds a page, and `next` of an answer goes into `cursor` of the next request.\n",
    ]
    tag = None
    for method, path, operation in _operations(document):
        [found] = operation.get("tags", ["other"])[:1]
        if found != tag:
            parts.append(f"## {found[0].upper()}{found[1:]}\n")
            tag = found
        parts.append(_operation(method, path, operation))
    parts.append("## Objects\n")
    schemas = document["components"]["schemas"]
    parts += [f"### {name}\n\n{fields(schemas[name])}" for name in sorted(schemas) if name not in HIDDEN]
    return "\n".join(parts)


def _operations(document: Document) -> Iterator[tuple[str, str, Any]]:
    found = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    order = {tag: place for place, tag in enumerate(dict.fromkeys(one[2].get("tags", ["other"])[0] for one in found))}
    yield from sorted(found, key=lambda one: order[one[2].get("tags", ["other"])[0]])


def _operation(method: str, path: str, operation: Any) -> str:
    parts = [f"### {method} {path}\n", paragraphs(operation.get("description") or operation.get("summary")) + "\n"]
    if parameters := operation.get("parameters"):
        rows = [
            (
                code(p["name"]),
                p["in"],
                takes(p["schema"]),
                default(p["schema"], p.get("required", False)),
                p.get("description", ""),
            )
            for p in parameters
        ]
        parts.append(table(("parameter", "in", "takes", "default", "meaning"), rows))
    if body := operation.get("requestBody"):
        parts.append(f"**Body:** {_content(body['content'])}\n")
    answers = [
        f"{status} ({_content(answer['content'])})" if answer.get("content") else status
        for status, answer in operation["responses"].items()
        if not status.endswith("XX")
    ]
    parts.append(f"**Answers:** {', '.join(answers)}\n")
    return "\n".join(parts)


def _content(content: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{code(kind)}, {takes(inner['schema'])}" if inner.get("schema") else code(kind)
        for kind, inner in content.items()
    )
