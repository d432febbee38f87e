"""What tells the variants of a report apart: the values that ran, taken from the resolved specs of the runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from gatelab.reports.labels import identity
from gatelab.reports.records import RunRecord
from gatelab.specs.resolved import as_json, field_at

SEED = "training.seed"
"""Runs that differ here alone are repeats of one variant."""

Values = Mapping[str, Any]
"""Path -> value, as JSON."""


def of_grid(paths: Sequence[str], runs: Sequence[RunRecord]) -> list[Values]:
    """Each run's values of the paths of a grid.

    Of an object, such as a cell, the kind is told and every field that is not at its default in one of those of its
    kind. A path that a run's spec does not have, since another value of the grid took its place, is left out.
    """
    found: list[dict[str, Any]] = [{} for _ in runs]
    for path in paths:
        fields = {place: field for place, run in enumerate(runs) if (field := _field(run, path)) is not _ABSENT}
        told = _told_fields(fields.values())
        for place, field in fields.items():
            found[place][path] = _told(field, told)
    return list(found)


def that_differ(runs: Sequence[RunRecord]) -> tuple[list[str], list[Values]]:
    """The paths by which the runs differ, and each run's values of them.

    The corpus is compared by its text: two names may stand for the same.
    """
    flat = [dict(_flat(run.resolved.model_dump(mode="json"))) | {"corpus": run.corpus_sha256[:12]} for run in runs]
    paths = [
        path
        for path in dict.fromkeys(path for each in flat for path in each)
        if path != SEED and len({identity(each.get(path)) for each in flat}) > 1
    ]
    return paths, [{path: each[path] for path in paths if path in each} for each in flat]


_ABSENT = object()


def _field(run: RunRecord, path: str) -> Any:
    try:
        return field_at(run.resolved, path)
    except KeyError:
        return _ABSENT


def _told_fields(fields: Iterable[Any]) -> dict[Any, set[str]]:
    """Kind -> the fields that are not at their defaults in any object of it."""
    told: dict[Any, set[str]] = {}
    for field in fields:
        if isinstance(field, BaseModel):
            told.setdefault(_kind(field), set()).update(field.model_dump(exclude_defaults=True))
    return told


def _told(field: Any, told: Mapping[Any, set[str]]) -> Any:
    value = as_json(field)
    if not isinstance(field, BaseModel) or not told[_kind(field)]:
        return value
    return {name: inner for name, inner in value.items() if name in told[_kind(field)]}


def _kind(field: BaseModel) -> tuple[type[BaseModel], Any]:
    return type(field), getattr(field, "kind", None)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of nested objects, each by its dotted path."""
    if not isinstance(value, Mapping):
        yield path, value
        return
    for name, inner in value.items():
        yield from _flat(inner, f"{path}.{name}" if path else name)
