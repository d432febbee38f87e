"""The demo for real: corpus, embedded stack, training, text, and a model that is kept."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gatelab.client.commands import demo
from tests.launcher.conftest import alive, descendants
from tests.waiting import eventually

pytestmark = pytest.mark.long

QUICK = (
    "import sys; from gatelab.client.commands import demo; from gatelab.client.main import main; full = demo.spec; "
    "demo.spec = lambda corpus: full(corpus).model_copy(update={'training': full(corpus).training.model_copy("
    "update={'epochs': 1})}); sys.argv = ['gatelab', 'demo']; main()"
)
"""The demo with one epoch in place of all."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "timemachine.txt").write_text("the time traveller was here. it was late. " * 500)
    (tmp_path / "tmp").mkdir()
    own = {
        "GATELAB_CORPORA": str(tmp_path / "corpora"),
        "GATELAB_DATA_DIR": str(tmp_path / "data"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    return {**os.environ, **own}


def play(environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", QUICK]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    return result.stdout


@contextmanager
def started(environment: dict[str, str]) -> Iterator[str]:
    """The address of a Gatelab that runs on the demo's data."""
    settings = environment | demo.SETTINGS
    command = [sys.executable, "-m", "gatelab.client.main", "up", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=settings) as up:
        assert up.stdout
        url = next(line for line in up.stdout if "http" in line).strip()
        try:
            yield url[url.index("http") :].partition("/#")[0]
        finally:
            up.send_signal(signal.SIGINT)
            up.stdout.read()


def test_it_trains_writes_and_keeps_its_model_for_the_gatelab_that_runs_on_its_data(
    environment: dict[str, str], tmp_path: Path
) -> None:
    first = play(environment)
    with started(environment) as url:
        again = play(environment)
    assert "Validation perplexity " in first
    for prefix in demo.PREFIXES:
        assert f"\n> {prefix}" in first
    assert f"The model is kept in {tmp_path / 'data'}: `gatelab up`" in first.replace("\n", " ")
    assert f"Gatelab is already running: {url}" in again
    assert "has trained this model before" in again
    assert again[again.index("Validation perplexity ") :] == first[first.index("Validation perplexity ") :]


@pytest.mark.parametrize(
    ("by", "code"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_however_it_is_ended_no_process_is_left(
    environment: dict[str, str], tmp_path: Path, by: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "gatelab.client.main", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        assert any("started" in line for line in process.stdout)
        family = descendants(process.pid)
        assert len(family) >= 4
        process.send_signal(by)
        process.stdout.read()
    assert process.returncode == code
    eventually(lambda: not any(alive(pid) for pid in family), "no process is left")
