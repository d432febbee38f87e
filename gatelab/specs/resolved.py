"""The resolved spec: equal for specs that train the same model in the same way, however they are written."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from gatelab.specs.cells import EquationsSpec, GruSpec
from gatelab.specs.dropout_rates import DropoutSpec
from gatelab.specs.job import RunSpec
from gatelab.specs.model import ModelSpec
from gatelab.specs.training import USUAL_SPLIT


def resolved(spec: RunSpec) -> RunSpec:
    """The spec with the actual value of every field that depends on another one.

    A single corpus is written as its name, and the default split is left out. Windows without a stride begin every
    `num_steps` tokens. A GRU without a reset gate resets neither before nor after the product. Equations have neither a
    name nor comments. Equal sizes of all layers are written as `cell.hidden`, `dropout` as a number if possible, and a
    single layer has no connections. Parsing the spec has already unified all other spellings of a value (`1`, `1.0` and
    `"1e0"`, gates in any order, defaults that are left out).
    """
    training, cell = spec.training, spec.model.cell
    windows = training.windows
    if windows.stride is None:
        windows = windows.model_copy(update={"stride": training.num_steps})
    if windows.split == USUAL_SPLIT:
        windows = windows.model_copy(update={"split": None})
    training = training.model_copy(update={"windows": windows})
    if isinstance(cell, GruSpec) and "reset" not in cell.gates:
        cell = cell.model_copy(update={"reset": GruSpec.model_fields["reset"].default})
    if isinstance(cell, EquationsSpec):
        cell = cell.canonical
    model = _model(spec.model).model_copy(update={"cell": cell})
    corpus = spec.corpus if spec.texts.several else spec.texts.train
    return spec.model_copy(update={"corpus": corpus, "training": training, "model": model})


def _model(model: ModelSpec) -> ModelSpec:
    changes: dict[str, Any] = {}
    if len(set(model.widths)) == 1:
        changes["sizes"] = None
    if model.layers == 1:
        changes["connections"] = ModelSpec.model_fields["connections"].default
    if isinstance(model.dropout, DropoutSpec):
        changes["dropout"] = model.dropout.shortest
    return model.model_copy(update=changes)


def without_seed(spec: RunSpec) -> RunSpec:
    """The fields that repeats of one variant share."""
    return spec.model_copy(update={"training": spec.training.model_copy(update={"seed": 0})})


def with_ids(spec: RunSpec, ids: Mapping[str, str]) -> RunSpec:
    """The resolved spec with the ids of its corpora instead of their names."""
    texts = spec.texts.model_copy(
        update={part: ids[name] for part, name in spec.texts.model_dump(exclude_none=True).items()}
    )
    return resolved(spec.model_copy(update={"corpus": texts}))


def runs_digest(ids: Mapping[str, str], runs: Iterable[RunSpec]) -> str:
    """A digest of a job's runs: equal for any two jobs with the same runs, in any order.

    Args:
        ids: of the corpora, by the names or ids that the runs use.
    """
    seeds: dict[RunSpec, set[int]] = {}
    for run in runs:
        variant = without_seed(with_ids(run, ids))
        seeds.setdefault(variant, set()).add(run.training.seed)
    found = sorted(json.dumps([v.model_dump(mode="json"), sorted(each)], sort_keys=True) for v, each in seeds.items())
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def field_at(spec: RunSpec, path: str) -> Any:
    """The field at a dotted path, as it was parsed.

    Raises:
        KeyError: the spec has no such field. Another kind of cell or optimizer may have it.
    """
    found: Any = spec
    for name in path.split("."):
        if not isinstance(found, BaseModel) or name not in type(found).model_fields:
            raise KeyError(path)
        found = getattr(found, name)
    return found


def as_json(field: Any) -> Any:
    """A field of a spec as its JSON value."""
    match field:
        case BaseModel():
            return field.model_dump(mode="json")
        case tuple():
            return [as_json(each) for each in field]
        case Mapping():
            return {name: as_json(each) for name, each in field.items()}
    return field
