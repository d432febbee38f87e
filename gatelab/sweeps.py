"""From one job to its runs: the product of the grid, times the repeats."""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs.base import parse
from gatelab.specs.job import JobSpec, RunSpec


def expand(job: JobSpec, max_runs: int) -> list[RunSpec]:
    """The runs of `job`, in a stable order: the grid's last path changes fastest, repeats faster still.

    Repeat r of every point has seed `training.seed + r`, so that points can be compared seed by seed.

    Raises:
        InvalidSpec: a path that does not exist, a value that is not allowed there, or too many runs.
    """
    total = math.prod(map(len, job.grid.values())) * job.repeats
    if total > max_runs:
        raise InvalidSpec.at("grid", f"{total} runs are over this installation's limit of {max_runs} a job")
    # A job has one corpus: a grid varies the rest.
    base = job.base().model_dump(mode="json", exclude={"corpus"})
    runs: list[RunSpec] = []
    faults: dict[Problem, None] = {}
    for changes in points(job):
        try:
            point = _point(job.corpus, base, changes)
        except InvalidSpec as error:
            faults |= dict.fromkeys(error.problems)
        else:
            runs += [_with_seed(point, repeat) for repeat in range(job.repeats)]
    if faults:
        raise InvalidSpec(faults)
    return runs


def points(job: JobSpec) -> Iterator[dict[str, Any]]:
    """The points of the grid as path -> value, in the order of their runs: run i belongs to point i // repeats."""
    return (dict(zip(job.grid, values, strict=True)) for values in itertools.product(*job.grid.values()))


def in_grid(faults: Iterable[Problem], grid: Collection[str]) -> list[Problem]:
    """Faults of a run with the paths that the user of this grid wrote: under `grid` where the grid set the value."""
    return [
        Problem(f"grid.{fault.path}", fault.message)
        if any(fault.path == path or fault.path.startswith(path + ".") for path in grid)
        else fault
        for fault in faults
    ]


def _point(corpus: str, base: dict[str, Any], changes: Mapping[str, Any]) -> RunSpec:
    """The run on `corpus` that is `base` with every path of `changes` set to its value."""
    data = base
    for path, value in changes.items():
        data = _replaced(data, path, path.split("."), value)
    try:
        return parse(RunSpec, data | {"corpus": corpus})
    except InvalidSpec as error:
        raise InvalidSpec(in_grid(error.problems, changes)) from None


def _replaced(data: Any, path: str, keys: list[str], value: Any) -> Any:
    """A copy of nested objects with one field replaced. The field must be there."""
    fields = sorted(data) if isinstance(data, dict) else []
    if keys[0] not in fields:
        allowed = f"use one of {', '.join(fields)}" if fields else "nothing below it can be set"
        raise InvalidSpec.at(f"grid.{path}", f"there is no field {keys[0]!r} here; {allowed}")
    inner = value if len(keys) == 1 else _replaced(data[keys[0]], path, keys[1:], value)
    return data | {keys[0]: inner}


def _with_seed(run: RunSpec, repeat: int) -> RunSpec:
    seed = run.training.seed + repeat
    return run.model_copy(update={"training": run.training.model_copy(update={"seed": seed})})
