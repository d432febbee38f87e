"""`gatelab up`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gatelab.client.local_server import command


def up(
    data_dir: Annotated[
        Path, typer.Option(envvar="GATELAB_DATA_DIR", help="The directory with all data of Gatelab.")
    ] = Path("data"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, max=256, help="Number of worker processes.")] = 1,
    service_workers: Annotated[int, typer.Option(min=1, max=256, help="Number of processes that answer requests.")] = 1,
) -> None:
    """Run the service, workers and a broker on this machine, until Ctrl-C."""
    processes = ("--workers", str(workers), "--service-workers", str(service_workers))
    arguments = command(data_dir, port, "--host", host, *processes)
    os.execv(sys.executable, arguments)
