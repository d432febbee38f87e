"""Hyper-parameters and their values in few words."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Path -> its last field, or as much of its end as distinguishes it from the others."""
    names: dict[str, str] = {}
    for path in paths:
        fields = path.split(".")
        tails = (".".join(fields[-length:]) for length in range(1, len(fields) + 1))
        others = [other for other in paths if other != path]
        names[path] = next((tail for tail in tails if not any(f".{o}".endswith(f".{tail}") for o in others)), path)
    return names


def label(value: Any) -> str:
    """A value of a spec: `32`, `reset+update`, `none` (an empty list), `off` (null), `gru hidden=32 reset=after`,
    `mgu hidden=64` (equations, by their title).
    """
    match value:
        case None:
            return "off"
        case bool():
            return str(value).lower()
        case float():
            return format(value, ".12g")
        case {"kind": "equations", "equations": str(title), **others}:
            return label({"kind": title, **others})
        case Mapping():
            fields = [f"{name}={label(inner)}" for name, inner in value.items() if name != "kind"]
            return " ".join([*([str(value["kind"])] if "kind" in value else []), *fields])
        case list() | tuple():
            return "+".join(map(label, value)) or "none"
    return str(value)


def variant_label(values: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """`hidden=32, lr=1`; the bare value if it is an object or the only one; `all runs` if nothing varies."""
    parts = [
        label(value) if isinstance(value, Mapping) or len(values) == 1 else f"{names[path]}={label(value)}"
        for path, value in values.items()
    ]
    return ", ".join(parts) or "all runs"


def identity(value: Any) -> str:
    """A key that is equal for equal values, also for objects."""
    return json.dumps(value, sort_keys=True)


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`: a regular noun with its number."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
