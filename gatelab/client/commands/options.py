"""Options that several commands share, and groups of commands."""

from typing import Annotated

import typer

from gatelab.client.api import DEFAULT_URL, Gatelab
from gatelab.client.commands.lazy_group import Commands

Url = Annotated[str, typer.Option("--url", envvar="GATELAB_URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run.")]

__all__ = ["DEFAULT_URL", "AsJson", "Gatelab", "JobId", "RunId", "Url", "command_group"]


def command_group(about: str) -> typer.Typer:
    """A group of commands, such as `gatelab keys`, whose `--help` is as plain as that of `gatelab`."""
    return typer.Typer(cls=Commands, help=about, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
