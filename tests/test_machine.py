"""How much memory there is, in a container too."""

import os
from pathlib import Path

import pytest

from gatelab import machine


@pytest.mark.parametrize(
    ("said", "expected"), [("1048576\n", 2**20), ("max\n", None), ("", None), (str(2**63 - 4096), None)]
)
def test_a_container_s_limit_counts_where_it_is_less(
    said: str, expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    (file := tmp_path / "memory.max").write_text(said)
    monkeypatch.setattr(machine, "CGROUP_LIMITS", (tmp_path / "not there", file))
    assert machine.memory_bytes() == (physical if expected is None else expected)
