"""The values in which the variants of a report differ, taken from the resolved specs of the runs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from gatelab.reports.labels import identity
from gatelab.reports.records import RunRecord
from gatelab.specs.cells import EquationsSpec
from gatelab.specs.job import RunSpec
from gatelab.specs.resolved import as_json, field_at

SEED = "training.seed"
"""Runs that differ only here are repeats of one variant."""

Values = Mapping[str, Any]
"""Path -> value, as JSON."""


def of_grid(paths: Sequence[str], runs: Sequence[RunRecord]) -> list[Values]:
    """Each run's values of the paths of a grid; equations by their titles.

    An object, such as a cell, is shown by its kind and by every field that differs from its default in any object of
    that kind. A path that a run's spec does not have, because another value of the grid replaced it, is left out.
    """
    found: list[dict[str, Any]] = [{} for _ in runs]
    specs = _titled(runs)
    for path in paths:
        fields = {place: field for place, spec in enumerate(specs) if (field := _field(spec, path)) is not _ABSENT}
        told = _told_fields(fields.values())
        for place, field in fields.items():
            found[place][path] = _told(field, told)
    return list(found)


def that_differ(runs: Sequence[RunRecord]) -> tuple[list[str], list[Values]]:
    """The paths by which the runs differ, and each run's values of them.

    The corpus is compared by its text, since two names may stand for the same text.
    """
    flat = [
        dict(_flat(spec.model_dump(mode="json", exclude={"corpus"}))) | _texts(run)
        for spec, run in zip(_titled(runs), runs, strict=True)
    ]
    paths = [
        path
        for path in dict.fromkeys(path for each in flat for path in each)
        if path != SEED and len({identity(each.get(path)) for each in flat}) > 1
    ]
    return paths, [{path: each[path] for path in paths if path in each} for each in flat]


_ABSENT = object()


def _titled(runs: Sequence[RunRecord]) -> list[RunSpec]:
    """The spec, with titles instead of equations: the name given by the first run, if no other equations have it.

    Equal equations have equal titles, and different ones have different titles.
    """
    resolved = [run.resolved for run in runs]
    names: dict[str, str] = {}
    for run, spec in zip(runs, resolved, strict=True):
        if isinstance(cell := spec.model.cell, EquationsSpec) and (name := getattr(run.spec.model.cell, "name", None)):
            names.setdefault(cell.equations, name)
    owners = Counter(names.values())
    return [
        _with_equations(spec, _title(cell, names.get(cell.equations), owners))
        if isinstance(cell := spec.model.cell, EquationsSpec)
        else spec
        for spec in resolved
    ]


def _title(cell: EquationsSpec, name: str | None, owners: Mapping[str, int]) -> str:
    if name is None:
        return cell.title
    return name if owners[name] == 1 else f"{name} {cell.digest[:8]}"


def _with_equations(spec: RunSpec, equations: str) -> RunSpec:
    cell = spec.model.cell.model_copy(update={"equations": equations})
    return spec.model_copy(update={"model": spec.model.model_copy(update={"cell": cell})})


def _texts(run: RunRecord) -> dict[str, str]:
    """The texts that the run read, by the beginning of their digests."""
    train, validation, test = run.text_sha256s
    parts = {"corpus": train, "corpus.validation": validation, "corpus.test": test}
    return {path: sha256[:12] for path, sha256 in parts.items() if sha256}


def _field(spec: RunSpec, path: str) -> Any:
    try:
        return field_at(spec, path)
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
