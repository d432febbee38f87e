"""`gatelab backup` and `gatelab restore`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gatelab.client.local_server import module

DataDir = Annotated[Path, typer.Option(envvar="GATELAB_DATA_DIR", help="The directory with all data of Gatelab.")]


def backup(
    target: Annotated[  # a string, since a path would lose the slash at its end
        str,
        typer.Argument(
            metavar="DIRECTORY_OR_FILE",
            help="A new file, or the directory to put it in. With a slash at its end, a missing directory is made.",
        ),
    ],
    data_dir: DataDir = Path("data"),
) -> None:
    """Back up a data directory into one file, while Gatelab runs. The file contains keys: keep it secret."""
    library("make", target, data_dir)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    data_dir: DataDir = Path("data"),
) -> None:
    """Restore a backup into a new data directory. A damaged backup is refused as a whole."""
    library("restore", str(file), data_dir)


def library(action: str, file: str, data_dir: Path) -> None:
    """Replace this process by the library's module for the command, since the client alone has no database."""
    arguments = module("gatelab.store.backup", action, "--", file)
    os.execve(sys.executable, arguments, {**os.environ, "GATELAB_DATA_DIR": str(data_dir)})
