"""Files that hold a secret: readable by their owner alone."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def keep_private(file: Path) -> None:
    """Let nobody but its owner read or write a file; one that is not there stays away.

    Only tried: a process that may not do this does not decide who reads the file.
    """
    with suppress(OSError):
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            file.chmod(0o600)


def write_secret(file: Path, content: bytes, *, keep: bool = False) -> None:
    """Put `content` into `file`, of mode 600: all of it or nothing.

    Args:
        keep: leave a file as it is that is there already. If several processes write at once, the first one's stays.
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
        pass  # the name of the partial file is nobody else's
    finally:
        partial.unlink(missing_ok=True)
