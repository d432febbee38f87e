"""The README says what is true: its walk-through runs, its table is complete."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from client.api import Gatelab
from gatelab.settings import Settings
from gatelab.specs import JobSpec, Limits, parse
from gatelab.sweeps import expand
from tests.acceptance.embedded import embedded

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.timeout(300)
def test_the_walk_through_runs(tmp_path: Path) -> None:
    [script] = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    with embedded(tmp_path / "data") as url, Gatelab(url) as client:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**os.environ, "GATELAB_URL": url},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        first, second = client.runs()
        assert {first.state, second.state} == {"succeeded"}
        expected = client.generate(first.id, "The ", max_tokens=80, temperature=0.7, seed=1)
        assert expected.text in done.stdout
    assert "event: job_finished" in done.stdout
    assert "event: done" in done.stdout
    assert (tmp_path / "model.safetensors").stat().st_size > 0


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
