"""One launcher per data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatelab.launcher.errors import CannotStart


@contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` for this process. The kernel releases it however the process ends.

    Raises:
        CannotStart: another launcher holds it.
    """
    with (data_dir / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise CannotStart(
                f"{data_dir} is in use by another Gatelab (process {owner}); stop it or use another --data-dir"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
