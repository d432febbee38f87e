"""The differences between the specs of two runs."""

import json

from gatelab.specs.job import RunSpec
from gatelab.wire.runs import Change


def changes(before: RunSpec, after: RunSpec) -> list[Change]:
    """All fields with different values, except `start`, in the order of the specs."""
    old, new = _flat(before), _flat(after)
    paths = [path for path in old | new if old.get(path) != new.get(path)]
    return [Change(path=path, before=old.get(path), after=new.get(path)) for path in paths]


def _flat(spec: RunSpec) -> dict[str, str]:
    """The fields of a spec by their paths, as JSON texts; not where it starts."""
    found: dict[str, str] = {}

    def walk(path: str, value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{path}.{name}" if path else name, inner)
        else:
            found[path] = json.dumps(value)

    walk("", spec.model_dump(mode="json", exclude={"start"}))
    return found
