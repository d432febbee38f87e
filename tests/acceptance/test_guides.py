"""Every code block of the README, of start/ and of guides/ is run, page by page, against an installation.

A `bash` block runs as a script, a `python` block as a program. All blocks of a page share one folder, and its scripts
share their variables. A `yaml` block is a job's spec. A comment before a block (`<!-- file: NAME -->`) says under which
name the reader saves it. JOB and RUN stand for the newest job and its first run. `console` and `text` blocks show what
is typed elsewhere, or what is printed.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from gatelab.client.api import Gatelab
from gatelab.specs import JobSpec, parse
from gatelab.sweeps import expand
from tests.acceptance.local_server import Up
from tests.conftest import ROOT
from tests.waiting import PATIENCE

BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n+)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
SHOWN = {"console", "text"}
BEFORE = "if [ -f variables ]; then . ./variables; fi\n"
AFTER = "\ndeclare -p | grep '^declare -- ' > variables || true\n"
RUN_ELSEWHERE = {
    "docs/guides/http.md": "test_local_server.py",
    "docs/guides/your-own-cell.md": "test_doors.py",
    "docs/start/text-generator.md": "test_doors.py",
}
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/start/*.md")), *sorted(ROOT.glob("docs/guides/*.md")))
    if str(page.relative_to(ROOT)) not in RUN_ELSEWHERE
]
SMALL = {
    "corpus": "small",
    "model": {"cell": {"kind": "gru", "hidden": 16}},
    "training": {"num_steps": 16, "batch_size": 128, "epochs": 1, "keep_best": True},
}


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    file: str | None


def blocks(page: Path) -> list[Block]:
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(one["language"], one["code"], one["file"]) for one in found]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An installation that has trained a small model, for pages that begin with one."""
    up = Up(tmp_path_factory.mktemp("guides") / "data")
    try:
        with Gatelab(up.url) as client:
            for name in ("small", "time-machine"):
                client.add_corpus(name, "the time traveller (for so it will be convenient to speak of him) " * 200)
            assert client.wait(client.submit(SMALL).id).state == "succeeded"
        yield up
    finally:
        up.stop()


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(page: Path, up: Up, tmp_path: Path) -> None:
    run_page(page, up, tmp_path)


def run_page(page: Path, up: Up, folder: Path) -> None:
    """Run all blocks of a page, in its order, in one folder."""
    for block in blocks(page):
        if block.file:
            (folder / block.file).write_text(block.code, encoding="utf-8")
        if block.language == "yaml":
            assert expand(parse(JobSpec, yaml.safe_load(block.code)), max_runs=1000)
        elif block.language not in SHOWN:
            run(block, up, folder)


def run(block: Block, up: Up, folder: Path) -> None:
    """Run a block as a reader would: with the command line of this environment, and the newest job's ids."""
    with Gatelab(up.url) as client:
        code = block.code
        if job := next(client.jobs(), None):
            code = re.sub(r"\bRUN\b", next(client.runs(job.id)).id, re.sub(r"\bJOB\b", job.id, code))
    programs = {
        "bash": ["bash", "-euo", "pipefail", "-c", BEFORE + code + AFTER],
        "python": [sys.executable, "-c", code],
    }
    done = subprocess.run(
        programs[block.language],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GATELAB_URL": up.url,
            "GATELAB_DATA_DIR": str(up.data_dir),
        },
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
    )
    assert done.returncode == 0, f"{block.code}\n{done.stdout}\n{done.stderr}"
    assert '"type":"urn:gatelab:' not in done.stdout, done.stdout


def test_every_block_has_a_language_that_says_what_becomes_of_it() -> None:
    found = {block.language for page in PAGES for block in blocks(page)}
    assert found <= {"bash", "python", "yaml"} | SHOWN
    assert {"bash", "python", "yaml"} <= found
