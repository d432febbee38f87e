"""`python -m service`: the HTTP service, with bounds on connections that uvicorn's own command does not set."""

import argparse
from collections.abc import Sequence

import uvicorn

from service.connections import Connection, raise_file_limit

HEALTH_SECONDS = 60
"""How long one of several processes may leave its parent without an answer before it is replaced; a busy machine alone
must not lead to that."""


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    raise_file_limit()
    uvicorn.run(
        http=Connection, factory=True, use_colors=False, timeout_worker_healthcheck=HEALTH_SECONDS, **vars(options)
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """As uvicorn calls them."""
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
