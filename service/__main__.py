"""`python -m service`: the HTTP service, with bounds on connections that uvicorn's own command does not set."""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from service.connections import Connection, raise_file_limit

HEALTH_SECONDS = 60
"""Seconds without an answer after which the parent replaces one of several processes. A busy machine alone must not
lead to that."""

ACCEPTED_AT_ONCE = 8
"""Connections that the event loop accepts per iteration. uvloop accepts one from each listening socket. If connections
came faster than the loop iterates, they and everybody behind them would wait longer and longer."""


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    raise_file_limit()
    config = uvicorn.Config(
        http=Connection,
        factory=True,
        use_colors=False,
        access_log=False,  # the service logs each request itself
        timeout_worker_healthcheck=HEALTH_SECONDS,
        **vars(options),
    )
    if config.workers > 1:
        bound = config.bind_socket()
        Multiprocess(config, sockets=[bound, *copies(bound)]).run()
        return
    config.load_app()
    server = Server(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def copies(listening: socket.SocketType) -> list[socket.socket]:
    """Copies of this listening socket, which share its queue of connections."""
    return [socket.socket(fileno=os.dup(listening.fileno())) for _ in range(ACCEPTED_AT_ONCE - 1)]


class Server(uvicorn.Server):
    """Listens with several copies of each of its sockets."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        for listening in [each for server in self.servers for each in server.sockets]:
            for copy in copies(listening):
                self.servers.append(await loop.create_server(self._connection, sock=copy, backlog=self.config.backlog))

    def _connection(self) -> asyncio.Protocol:
        return Connection(self.config, self.server_state, self.lifespan.state)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The names that uvicorn uses."""
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    parser.add_argument(
        "app",
        nargs="?",
        default="service.app:create_app",
        help="the function that makes the application (default %(default)s)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="the port to listen at (default %(default)s)")
    parser.add_argument("--fd", type=int, help="a socket that already listens, instead of host and port")
    parser.add_argument("--workers", type=int, default=1, help="number of processes (default %(default)s)")
    parser.add_argument(
        "--timeout-graceful-shutdown",
        type=int,
        default=10,
        metavar="SECONDS",
        help="how long requests may take to end when the service is stopped (default %(default)s)",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
