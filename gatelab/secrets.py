"""Files that hold a secret: readable by their owner alone, whole or not there."""

import os
import secrets
from pathlib import Path


def write_secret(file: Path, content: bytes, *, keep: bool = False) -> None:
    """Put `content` into `file`, of mode 600.

    Args:
        keep: leave a file as it is that is there already. Of processes that write at once, the first one's stays.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
        new.write(content)
        new.flush()
        os.fsync(new.fileno())
    try:
        if keep:
            os.link(partial, file)
        else:
            partial.replace(file)
    except FileExistsError:
        pass
    finally:
        partial.unlink(missing_ok=True)
