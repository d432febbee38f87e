import os
from pathlib import Path

import pytest

from gatelab.launcher import directory_lock
from gatelab.launcher.errors import CannotStart


def test_a_directory_is_held_once(tmp_path: Path) -> None:
    with (
        directory_lock.hold(tmp_path),
        pytest.raises(CannotStart, match=rf"in use by another Gatelab \(process {os.getpid()}\)"),
        directory_lock.hold(tmp_path),
    ):
        pass
    with directory_lock.hold(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
