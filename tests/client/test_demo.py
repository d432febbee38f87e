"""The demo for real: corpus, embedded stack, training, text, and nothing left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from client.commands import demo
from tests.embedded.conftest import alive, descendants
from tests.waiting import eventually

QUICK = (
    "import sys; from client.commands import demo; from client.main import main; full = demo.spec; "
    "demo.spec = lambda corpus: full(corpus).model_copy(update={'training': full(corpus).training.model_copy("
    "update={'epochs': 1})}); sys.argv = ['gatelab', 'demo']; main()"
)
"""The demo with one epoch in place of all."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "timemachine.txt").write_text("the time traveller was here. it was late. " * 500)
    (tmp_path / "tmp").mkdir()
    own = {"GATELAB_CORPORA": str(tmp_path / "corpora"), "TMPDIR": str(tmp_path / "tmp")}
    return {**os.environ, **own}


def test_it_trains_writes_and_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    result = subprocess.run([sys.executable, "-c", QUICK], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Validation perplexity " in result.stdout
    for prefix in demo.PREFIXES:
        assert f"\n> {prefix}" in result.stdout
    assert result.stderr == ""
    assert list((tmp_path / "tmp").glob("gatelab-demo*")) == []


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (signal.SIGINT, 0),
        pytest.param(signal.SIGTERM, 128 + signal.SIGTERM, marks=pytest.mark.long),
        pytest.param(signal.SIGKILL, -signal.SIGKILL, marks=pytest.mark.long),
    ],
)
def test_however_it_is_ended_no_process_is_left(
    environment: dict[str, str], tmp_path: Path, by: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "client.main", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        assert any("started" in line for line in process.stdout)
        family = descendants(process.pid)
        assert len(family) >= 4
        process.send_signal(by)
        process.stdout.read()
    assert process.returncode == code
    eventually(lambda: not any(alive(pid) for pid in family), "no process is left")
    if by is not signal.SIGKILL:
        assert list((tmp_path / "tmp").glob("gatelab-demo*")) == []
