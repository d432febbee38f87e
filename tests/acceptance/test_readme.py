"""The README says what is true: its table is complete, its examples are valid."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from gatelab.settings import Settings
from gatelab.specs import JobSpec, Limits, parse
from gatelab.sweeps import expand

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_complete() -> None:
    rows = re.findall(r"^\| `(GATELAB_\w+)` \| (.*?) \| (.*?) \|$", README, re.MULTILINE)
    assert rows == list(_expected_rows())


def _expected_rows() -> Iterator[tuple[str, str, str]]:
    for name, field in Settings.model_fields.items():
        if name != "limits":
            yield f"GATELAB_{name.upper()}", _shown(field), field.description or ""
    for name, field in Limits.model_fields.items():
        yield f"GATELAB_LIMITS__{name.upper()}", _shown(field), field.description or ""


def _shown(field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    return f"`{str(default).lower()}`" if default != "" else ""


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_example_is_a_valid_job(file: Path) -> None:
    assert expand(parse(JobSpec, yaml.safe_load(file.read_text(encoding="utf-8"))), max_runs=1000)
