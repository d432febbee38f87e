"""The three doors of the README, walked through in a new installation: student, researcher, developer.

Each prints how long it took. The README's readers have the same steps to take, and no more.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatelab.client.api import Gatelab
from tests.acceptance import test_guides
from tests.acceptance.local_server import Up
from tests.conftest import ROOT

pytestmark = pytest.mark.long

ANSWER = [
    {"gate": "update", "at": [4], "value": 0},
    {"gate": "reset", "at": [4], "value": 0},
    {"gate": "update", "at": [5, 6, 7, 8, 9, 10, 11], "value": 1},
]
"""The answer of the first exercise for t' = 4 and t = 11, as its page gives it."""


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    """A new installation, in an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    up = Up(tmp_path / "data")
    try:
        yield up
    finally:
        up.stop()


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{request.node.name}: {time.monotonic() - began:.0f} s")


def test_a_student_reaches_the_answer_of_the_first_exercise(up: Up, time_machine: str) -> None:
    with Gatelab(up.url) as gatelab:
        gatelab.add_corpus("time-machine", time_machine[:20_000])
        job = gatelab.submit({"corpus": "time-machine", "training": {"epochs": 1}})
        assert gatelab.wait(job.id).state == "succeeded"
        run = next(gatelab.runs(job.id)).id
        free = gatelab.gates(run, "it has been", influence={"output": 11}).influence
        held = gatelab.gates(run, "it has been", clamp=ANSWER, influence={"output": 11}).influence
        assert free is not None
        assert held is not None
        assert all(one.norm for one in free.inputs), "a trained network depends on everything"
        assert [one.at for one in held.inputs if one.norm] == [4]
        assert held.initial_state == 0


def test_a_researcher_compares_a_cell_of_their_own(up: Up, tmp_path: Path, time_machine: str) -> None:
    with Gatelab(up.url) as gatelab:
        gatelab.add_corpus("time-machine", time_machine)
        test_guides.run_page(ROOT / "docs" / "guides" / "your-own-cell.md", up, tmp_path)
        report = json.loads(gatelab.report(next(gatelab.jobs()).id, "json"))
    assert any("leaky" in json.dumps(variant) for variant in report["variants"])
    pairs = report["comparison"]["pairs"]
    assert len(pairs) == 3
    assert any(pair["significant"] for pair in pairs)


def test_a_developer_gets_text_by_curl_and_by_openai_s_client(up: Up, tmp_path: Path) -> None:
    test_guides.run_page(ROOT / "docs" / "start" / "text-generator.md", up, tmp_path)
