"""Records in the user's state folder which data directory listens on which port, so that clients find the API key.

A user without a home finds the key in the data directory, so no failure here keeps Gatelab from starting or stops it.
"""

import os
from contextlib import suppress
from pathlib import Path


def write(port: int, data_dir: Path) -> None:
    with suppress(OSError, RuntimeError):
        note = _path(port)
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        note.write_text(f"{data_dir}\n", encoding="utf-8")


def remove(port: int) -> None:
    with suppress(OSError, RuntimeError):
        _path(port).unlink(missing_ok=True)


def _path(port: int) -> Path:
    """`gatelab/client/credentials.py` reads the same folder."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "gatelab" / "ports" / str(port)
