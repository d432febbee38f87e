"""Every defence in SECURITY.md has a row with the tests that guard it."""

import re
from pathlib import Path

from tests.conftest import ROOT


def held_by(path: Path) -> list[str]:
    files = [path] if path.is_file() else path.rglob("test_*.py")
    return [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if "def test_" in line]


def test_every_defence_is_held_by_tests() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "tests" in line]
    named = [path for row in rows[1:] for path in re.findall(r"`(tests/[\w/.]+)`", row)]
    assert all("`tests/" in row for row in rows[1:])
    assert len(named) > 20
    assert [path for path in named if not held_by(ROOT / path)] == []
