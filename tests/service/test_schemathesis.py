"""Schemathesis sends the service everything that its OpenAPI document allows and forbids, and finds no fault."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from service.app import create_app
from tests.service.installation import installation, spec
from tests.service.live import serving

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 4
"""Examples per operation in the fuzzing phase. The coverage phase alone makes about 3,000 requests."""


@pytest.mark.long
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """All checks, with valid and invalid requests, single ones and sequences, the same every time."""
    with installation(tmp_path, slice_seconds=1e-9, checkpoint_seconds=600) as made:
        made.add_corpus()
        made.submit(spec(keep_checkpoints=1000))
        made.work()
        with serving(create_app(made.settings)) as url:
            done = run(f"{url}/openapi.json", tmp_path)
    assert done.returncode == 0, done.stdout[-20_000:]
    cases = re.search(r"(\d+) generated", done.stdout)
    assert cases, done.stdout[-2000:]
    assert int(cases[1]) > 1000
    for phase in ("Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.stdout, done.stdout[-2000:]


def run(schema: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [
        *(str(Path(sysconfig.get_path("scripts"), "schemathesis")), "--config-file", str(CONFIG), "run", schema),
        *("--checks", "all", "--mode", "all", "--phases", "coverage,fuzzing,stateful"),
        *("--exclude-path", "/v1/jobs/changes"),  # a stream without an end
        *("--max-examples", str(EXAMPLES), "--generation-deterministic", "--suppress-health-check", "all"),
        *("--no-color", "--warnings", "off", "--request-timeout", "60"),
    ]
    environment = os.environ | {"COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
