"""Files that hold a secret: readable by their owner alone."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def keep_private(file: Path) -> None:
    """Let only its owner read or write a file. A missing file is not made.

    A failure is ignored: a process without this right does not decide who reads the file.
    """
    with suppress(OSError):
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            file.chmod(0o600)


def write_secret(file: Path, content: bytes, *, keep: bool = False) -> None:
    """Put `content` into `file` with mode 600: all of it or nothing.

    Args:
        keep: leave an existing file as it is. If several processes write at once, the first one's stays.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        if keep:
            os.link(partial, file)
        else:
            partial.replace(file)
    except FileExistsError:
        pass  # no other process has this name for its partial file
    finally:
        partial.unlink(missing_ok=True)
