"""Which data directory listens on which port, noted in the user's state folder: by that, clients find the API key."""

import os
from contextlib import suppress
from pathlib import Path


def path(port: int) -> Path:
    """The note of a port. `client/credentials.py` looks at the same place."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "gatelab" / "ports" / str(port)


def write(note: Path, data_dir: Path) -> None:
    """A user without a home finds the key in the data directory: that is no reason not to start."""
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        note.write_text(f"{data_dir}\n", encoding="utf-8")
