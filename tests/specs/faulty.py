"""Data of jobs with a fault, and the messages about them."""

import pytest

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs import GenerateRequest, JobSpec, parse


def job(path: str, value: object) -> dict[str, object]:
    """A job's data with one field set, the objects around it made as needed."""
    *parents, last = path.split(".")
    data: dict[str, object] = {"corpus": "book"}
    here = data
    for parent in parents:
        inner: dict[str, object] = {}
        here[parent] = inner
        here = inner
    here[last] = value
    return data


def refused(data: object, kind: type[JobSpec] | type[GenerateRequest] = JobSpec) -> tuple[Problem, ...]:
    with pytest.raises(InvalidSpec) as refusal:
        parse(kind, data)
    return refusal.value.problems
