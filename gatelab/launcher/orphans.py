"""No process outlives the one that started it, even if that one is killed."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel to kill the calling process with SIGKILL when its parent dies. Does nothing outside Linux.

    Call it in the child. Linux watches the thread that forked, not the process: fork from a thread that lives as long
    as the parent does, preferably the main thread.

    Args:
        parent: the process id of the parent, if the child knows it. With it, a parent that died before this call is
            noticed too.
    """
    if sys.platform != "linux":
        return
    _libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def leash() -> Callable[[], None]:
    """A `preexec_fn` for children of the calling process. Everything that allocates happens before the fork."""
    _libc()
    parent = os.getpid()
    return lambda: die_with_parent(parent)


def _libc() -> ctypes.CDLL:
    global _loaded
    if _loaded is None:
        _loaded = ctypes.CDLL(None, use_errno=True)
    return _loaded


_loaded: ctypes.CDLL | None = None
