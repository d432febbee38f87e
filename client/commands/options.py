"""Options that several commands share, and how expected errors end a command."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from client.api import DEFAULT_URL, Gatelab
from client.output import print_error
from gatelab.errors import GatelabError
from gatelab.terminal import tolerate_any_text

Url = Annotated[str, typer.Option("--url", envvar="GATELAB_URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run.")]

__all__ = ["DEFAULT_URL", "AsJson", "Commands", "Gatelab", "JobId", "RunId", "Url"]


class Commands(TyperGroup):
    """Commands that can print any text, and whose expected errors are lines on standard error and exit code 1."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        tolerate_any_text()
        return super().main(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except GatelabError as error:
            print_error(error)
            raise typer.Exit(1) from None
