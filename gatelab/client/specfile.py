"""Job specs from YAML files, with values set on the command line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs import (
    JobSpec,
    parse,
    texts,
    yaml_reader,
)


def load(file: Path, settings: Iterable[str] = ()) -> JobSpec:
    """The spec in `file`, with each `path=value` of `settings` applied.

    Raises:
        InvalidSpec: each problem names the file and the path in it.
    """
    data = read(file)
    given: dict[str, str] = {}
    for setting in settings:
        path, separator, value = setting.partition("=")
        if not separator or not path:
            raise InvalidSpec.at("--set", f"must be path=value, not {setting!r}")
        if path in given:
            raise InvalidSpec.at("--set", f"{path} is given twice: {given[path]!r} and {setting!r}")
        given[path] = setting
        if not isinstance(data, dict):
            break
        change(data, keys(path), _value(setting, value))
    try:
        return parse(JobSpec, data)
    except InvalidSpec as error:
        raise InvalidSpec(_in_file(file, problem) for problem in error.problems) from None


def read(file: Path) -> Any:
    """The data of a YAML file.

    Raises:
        InvalidSpec: it cannot be read, is not YAML, or has a key twice; the message names the line.
    """
    try:
        return yaml_reader.load(texts.decode(file.read_bytes(), str(file), InvalidSpec))
    except OSError as error:
        raise InvalidSpec.at(str(file), f"cannot be read: {error.strerror}") from None
    except yaml_reader.NotYaml as error:
        raise InvalidSpec.at(str(file), f"is not YAML: {error}") from None


def keys(path: str) -> list[str]:
    """The keys along a path. The part after `grid.` is one key, since it is itself a path."""
    first, dot, rest = path.partition(".")
    return ["grid", rest] if first == "grid" and dot else path.split(".")


def change(data: dict[str, Any], path: list[str], value: Any) -> None:
    """Set the value at `path`, in place. A single value on the way (`input: one_hot`) is replaced by an object."""
    for key in path[:-1]:
        if not isinstance(data.get(key), dict):
            data[key] = {}
        data = data[key]
    data[path[-1]] = value


def _value(setting: str, text: str) -> Any:
    try:
        return yaml_reader.load(text)
    except yaml_reader.NotYaml as error:
        raise InvalidSpec.at("--set", f"{setting!r} is not YAML: {error}") from None


def _in_file(file: Path, problem: Problem) -> Problem:
    return Problem(f"{file}: {problem.path}" if problem.path else str(file), problem.message)
