"""SECURITY.md names tests that there are."""

import re

from tests.conftest import ROOT


def test_every_defence_is_held_by_a_test_that_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "tests" in line]
    named = [path for row in rows[1:] for path in re.findall(r"`(tests/[\w/.]+)`", row)]
    assert all("`tests/" in row for row in rows[1:])
    assert len(named) > 20
    missing = [path for path in named if not (ROOT / path).exists()]
    assert missing == []
