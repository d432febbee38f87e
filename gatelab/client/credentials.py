"""The key of an installation on this machine, so that its user need not type it.

`gatelab up` keeps its first key in its data directory, readable by its user alone, and notes in the user's state folder
which data directory listens on which port (`gatelab/launcher/port_registry.py`).
"""

import os
from contextlib import suppress
from pathlib import Path


def local_key(port: int) -> str | None:
    """The key for the `gatelab up` that listens on this port of this machine, or None if it cannot be used.

    If `gatelab up` is killed, its note stays. Another program may then listen on the port, and must not see the key. So
    the key is used only while the data directory is locked.
    """
    with suppress(ImportError, OSError, RuntimeError, UnicodeDecodeError):
        data_dir = Path((_notes() / str(port)).read_text(encoding="utf-8").strip())
        if _is_held(data_dir / "lock"):
            return (data_dir / "api-key").read_text(encoding="utf-8").strip() or None
    return None


def running_port(data_dir: Path) -> int | None:
    """The port of the `gatelab up` that holds this data directory; None if none is running."""
    with suppress(ImportError, OSError, RuntimeError, UnicodeDecodeError):
        if _is_held(data_dir / "lock"):
            for note in _notes().iterdir():
                if note.name.isdecimal() and Path(note.read_text(encoding="utf-8").strip()) == data_dir.resolve():
                    return int(note.name)
    return None


def _notes() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "gatelab" / "ports"


def _is_held(lock: Path) -> bool:
    import fcntl  # not on Windows, where nothing is ever held

    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
        return False
