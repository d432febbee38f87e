"""The memory of the machine, also in a container."""

import os
from pathlib import Path

import pytest

from gatelab import machine
from gatelab.launcher.errors import CannotStart
from gatelab.launcher.supervisor import make_data_dir


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


def test_a_full_disk_is_an_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.disk_obstacle(tmp_path) is None
    monkeypatch.setattr(machine, "LEAST_FREE", 2**62)
    assert f"the disk of {tmp_path} is full" in str(machine.disk_obstacle(tmp_path / "not" / "yet"))
    with pytest.raises(CannotStart, match="is full"):
        make_data_dir(tmp_path / "data")
