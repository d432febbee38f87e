"""The README is short, its commands exist, and the examples beside it are valid."""

import re
from pathlib import Path

import pytest
import yaml

from gatelab.specs import JobSpec, parse
from gatelab.sweeps import expand

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_short_and_shows_the_way() -> None:
    assert len(README.splitlines()) <= 120
    for part in ("git clone", "make demo", "make up", "make test", "```python", "```bash", "a student", "a researcher"):
        assert part in README


def test_the_targets_of_make_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "RELEASING.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = {
        name
        for pair in re.findall(r"(?:`make ([a-z-]+)\b|^(?:    )?make ([a-z-]+) +#)", text, re.MULTILINE)
        for name in pair
        if name
    }
    assert {"demo", "up", "docs", "test"} < named
    assert named - targets == set()


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_example_is_a_valid_job(file: Path) -> None:
    assert expand(parse(JobSpec, yaml.safe_load(file.read_text(encoding="utf-8"))), max_runs=1000)
