"""From one job to its runs: the product of the grid, times the repeats, each run once."""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs.base import parse
from gatelab.specs.fault_messages import MOST_HINTS, paths
from gatelab.specs.integers import LARGEST
from gatelab.specs.job import JobSpec, RunSpec
from gatelab.specs.model import ModelSpec
from gatelab.specs.resolved import resolved, without_seed
from gatelab.specs.training import SEEDS
from gatelab.spelling import did_you_mean, nearest_path

MOST_PATHS = 100
"""The most paths of a grid, which is more than a spec has fields."""

LEFT_OUT = frozenset(f"model.{name}" for name, field in ModelSpec.model_fields.items() if field.exclude_if is not None)
"""Paths that a spec's JSON has only if their value is not the default."""


def expand(job: JobSpec, max_runs: int) -> list[RunSpec]:
    """The runs of `job`, in the order of their indexes (`numbered`).

    Raises:
        InvalidSpec: as `numbered`.
    """
    return list(numbered(job, max_runs).values())


def numbered(job: JobSpec, max_runs: int) -> dict[int, RunSpec]:
    """The runs of `job` by their indexes, each run once.

    The grid's last path changes fastest, and repeats still faster, so index i belongs to grid point i // repeats.
    Repeat r of every point has seed `training.seed + r`, so that points can be compared seed by seed. A run that equals
    an earlier one (`resolved`) would not be a second sample: its index is left out.

    Raises:
        InvalidSpec: a path that does not exist, two paths of which one is inside the other, a value that is not
            allowed there, or too many runs.
    """
    _check_size(job, max_runs)
    _check_overlaps(job.grid)
    runs: dict[int, RunSpec] = {}
    variants: dict[RunSpec, set[int]] = {}
    faults: dict[Problem, None] = {}
    base = _written_out(job.base())
    for point, changes in enumerate(_points(job.grid)):
        try:
            first = _point(base, changes, hints=len(faults) < MOST_HINTS)
            repeated = _repeated(first, job)
        except InvalidSpec as error:
            faults |= dict.fromkeys(error.problems)
            continue
        seeds = variants.setdefault(without_seed(resolved(repeated[0])), set())
        for repeat, run in enumerate(repeated):
            if run.training.seed not in seeds:
                seeds.add(run.training.seed)
                runs[point * job.repeats + repeat] = run
    if faults:
        raise InvalidSpec(faults)
    return runs


def _written_out(run: RunSpec) -> dict[str, Any]:
    """The spec as JSON. If sizes give the layers and their units, those are left out, since a grid may change sizes."""
    data: dict[str, Any] = run.model_dump(mode="json")
    if run.model.sizes is not None:
        del data["model"]["layers"], data["model"]["cell"]["hidden"]
    return data


def asked_runs(job: JobSpec) -> int:
    """The number of runs of the grid and the repeats, before those that equal another one are left out."""
    return math.prod(map(len, job.grid.values())) * job.repeats


def _check_size(job: JobSpec, max_runs: int) -> None:
    if len(job.grid) > MOST_PATHS:
        raise InvalidSpec.at("grid", f"has {len(job.grid)} paths; at most {MOST_PATHS} are allowed")
    total = asked_runs(job)
    if total > max_runs:
        # Python refuses to print numbers with more than 4,300 digits, which the product of a long grid may have.
        shown = total if total <= LARGEST else f"more than {LARGEST}"
        raise InvalidSpec.at("grid", f"{shown} runs exceed this installation's limit of {max_runs} per job")


def _check_overlaps(grid: Collection[str]) -> None:
    inside = [(outer, inner) for outer in grid for inner in grid if inner.startswith(outer + ".")]
    if inside:
        raise InvalidSpec(
            Problem(f"grid.{inner}", f"is inside {outer}, also in the grid; put its values into those of {outer}")
            for outer, inner in inside
        )


def _points(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """The points of the grid as path -> value."""
    return (dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values()))


def in_grid(faults: Iterable[Problem], grid: Collection[str]) -> list[Problem]:
    """Faults of a run with the paths that the user wrote: under `grid` if the grid set the value."""
    return [
        Problem(f"grid.{fault.path}", fault.message)
        if any(fault.path == path or fault.path.startswith(path + ".") for path in grid)
        else fault
        for fault in faults
    ]


def _point(base: dict[str, Any], changes: Mapping[str, Any], *, hints: bool) -> RunSpec:
    """The run that is `base` with every path of `changes` set to its value."""
    data = base
    for path, value in changes.items():
        data = _replaced(data, path, path.split("."), value)
    try:
        return parse(RunSpec, data, hints=hints)
    except InvalidSpec as error:
        raise InvalidSpec(in_grid(error.problems, changes)) from None


def _replaced(data: Any, path: str, keys: list[str], value: Any) -> Any:
    """A copy of nested objects with one field replaced. The field must exist, or be one that JSON leaves out."""
    fields = sorted(data) if isinstance(data, dict) else []
    if keys[0] not in fields and path not in LEFT_OUT:
        allowed = f"use one of {', '.join(fields)}" if fields else "nothing below it can be set"
        allowed += did_you_mean(nearest_path(path, paths(RunSpec)))
        raise InvalidSpec.at(f"grid.{path}", f"there is no field {keys[0]!r} here; {allowed}")
    inner = value if len(keys) == 1 else _replaced(data[keys[0]], path, keys[1:], value)
    return data | {keys[0]: inner}


def _repeated(run: RunSpec, job: JobSpec) -> list[RunSpec]:
    """The run with its seed, and with the seeds that follow it."""
    first = run.training.seed
    if first + job.repeats > SEEDS:
        message = f"must be at most {SEEDS - job.repeats} with {job.repeats} repeats (got {first})"
        raise InvalidSpec(in_grid([Problem("training.seed", message)], job.grid))
    seeds = range(first, first + job.repeats)
    return [run.model_copy(update={"training": run.training.model_copy(update={"seed": seed})}) for seed in seeds]
