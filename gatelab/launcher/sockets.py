"""The address at which the service listens, and the path at which the broker does."""

import hashlib
import os
import re
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from gatelab.launcher.errors import CannotStart

MAX_SOCKET_PATH = 107
"""The most bytes of a UNIX socket's path on Linux, without the closing NUL (macOS: 103)."""

_PLAIN = re.compile(r"[A-Za-z0-9_./~-]+")
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def listen(host: str, port: int) -> socket.socket:
    """A listening socket for the service, bound before any process starts. Port 0 takes a free port.

    The service inherits it, so no other program can take the port, and requests wait while the service restarts.

    Raises:
        CannotStart: the address is in use, or does not belong to this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotStart(f"cannot listen on host {host!r}: {error.strerror}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it. uvicorn takes an inherited socket for a UNIX one and would leave Nagle's delay on.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise CannotStart(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another port with --port"
        ) from None
    return listener


def reachable(listener: socket.socket) -> tuple[str, int]:
    """Host and port at which this machine itself reaches `listener`."""
    host, port = listener.getsockname()[:2]
    return _WILDCARDS.get(host, host), port


def url(listener: socket.socket) -> str:
    """The service's address for people and clients of this machine."""
    host, port = reachable(listener)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def broker_path(data_dir: Path, limit: int = MAX_SOCKET_PATH) -> Path:
    """The path of the broker's UNIX socket: in `data_dir`, or in a private directory if that does not work.

    A path that is too long for the kernel or needs quoting in a URL is replaced by the private directory. It is always
    the same one for a data directory, so that the remains of a crash are found again.

    Raises:
        CannotStart: the private directory belongs to somebody else.
    """
    path = data_dir / "broker.sock"
    if _fits(path, limit):
        return path
    key = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):
        path = parent / f"gatelab-{os.getuid()}-{key}" / "broker.sock"
        if _fits(path, limit):
            _make_private(path.parent)
            return path
    raise CannotStart(f"the path of the broker's socket must have at most {limit} bytes; use a shorter --data-dir")


def remove(path: Path, data_dir: Path) -> None:
    """Remove the broker's socket, and its directory unless that is `data_dir`."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        if path.parent != data_dir:
            path.parent.rmdir()


def _fits(path: Path, limit: int) -> bool:
    return len(os.fsencode(path)) <= limit and _PLAIN.fullmatch(str(path)) is not None


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise CannotStart(f"{folder} exists and is not a private directory of this user")
