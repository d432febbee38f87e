"""Specs as rows keep them: JSON, which is parsed only once."""

from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Column, Label, Text, cast
from sqlalchemy.sql.type_api import TypeEngine

from gatelab.specs import JobSpec, RunSpec

Kept = TypeVar("Kept", JobSpec, RunSpec)

_LONGEST = 16 * 1024
"""The most characters of a cached spec, so that 512 of them take a few megabytes. Longer ones are parsed each time."""


def as_text(column: "Column[Any]") -> Label[str]:
    """The JSON text of a column, under the column's name."""
    text: TypeEngine[str] = Text()
    return cast(column, text).label(column.name)


def job_spec(text: str) -> JobSpec:
    """The same object for the same text, since it is immutable."""
    return _job_spec(text) if len(text) <= _LONGEST else JobSpec.model_validate_json(text)


def run_spec(text: str) -> RunSpec:
    return _run_spec(text) if len(text) <= _LONGEST else RunSpec.model_validate_json(text)


_job_spec = lru_cache(maxsize=512)(JobSpec.model_validate_json)
_run_spec = lru_cache(maxsize=512)(RunSpec.model_validate_json)
