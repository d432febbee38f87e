import os
from pathlib import Path

import pytest

from gatelab.embedded import lock
from gatelab.embedded.errors import CannotStart


def test_a_directory_is_held_once(tmp_path: Path) -> None:
    with (
        lock.hold(tmp_path),
        pytest.raises(CannotStart, match=rf"in use by another Gatelab \(process {os.getpid()}\)"),
        lock.hold(tmp_path),
    ):
        pass
    with lock.hold(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
