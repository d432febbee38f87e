"""`gatelab report` and `gatelab compare`."""

import sys
from pathlib import Path
from typing import Annotated, get_args

import typer

from gatelab.client.api import ReportFormat
from gatelab.client.commands.options import DEFAULT_URL, Gatelab, JobId, Url
from gatelab.client.formatting import printable
from gatelab.client.output import print_note
from gatelab.errors import InvalidRequest

Format = Annotated[
    ReportFormat | None, typer.Option("--format", help="By default the ending of the output file decides, or else md.")
]
Output = Annotated[Path | None, typer.Option("--output", help="Write the report to this file.")]


def report(
    job: JobId,
    format: Format = None,
    output: Output = None,
    tuned: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Report each variant only at its best value of this path. Repeatable."),
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Show the report on a job: its results, and which differences are significant."""
    chosen = choose_format(format, output)
    with Gatelab(url) as gatelab:
        show(gatelab.report(job, chosen, tuned or ()), output)


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids of runs.")],
    format: Format = None,
    output: Output = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Compare runs of any jobs."""
    chosen = choose_format(format, output)
    with Gatelab(url) as gatelab:
        show(gatelab.compare(runs, chosen), output)


def choose_format(format: ReportFormat | None, output: Path | None) -> ReportFormat:
    """The requested format, or that of the file's name, or Markdown."""
    suffix = output.suffix.removeprefix(".") if output else ""
    named: dict[str, ReportFormat] = {name: name for name in get_args(ReportFormat)}
    return format or named.get(suffix, "md")


def show(text: str, output: Path | None) -> None:
    """
    Raises:
        InvalidRequest: the file cannot be written.
    """
    if output is None:
        print(printable(text) if sys.stdout.isatty() else text, end="")
        return
    try:
        output.write_bytes(text.encode())
    except OSError as error:
        raise InvalidRequest.at(str(output), f"cannot be written: {error.strerror}") from None
    print_note(f"written to {output}")
