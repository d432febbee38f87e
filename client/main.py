"""The `gatelab` command."""

import typer

from client.commands import backup, cells, corpora, demo, export, gates, generate, jobs, keys, recall, reports, runs, up
from client.commands.options import Commands
from client.output import print_line
from gatelab import __version__

app = typer.Typer(
    cls=Commands,
    help="Train, compare and serve gated recurrent language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def version() -> None:
    """Print the version."""
    print_line(f"gatelab {__version__}")


app.command()(up.up)
app.command()(demo.demo)
app.command()(backup.backup)
app.command()(backup.restore)
app.add_typer(corpora.app, name="corpora")
app.add_typer(cells.app, name="cells")
app.add_typer(keys.app, name="keys")
app.command()(jobs.submit)
app.command("watch")(jobs.watch_job)
app.command()(jobs.jobs)
app.command()(runs.runs)
app.command()(runs.show)
app.command()(reports.report)
app.command()(reports.compare)
app.command()(generate.generate)
app.command()(export.export)
app.command()(gates.gates)
app.command()(recall.recall)
app.command()(jobs.cancel)
app.command()(jobs.pause)
app.command()(jobs.resume)
app.command()(jobs.delete)


def main() -> None:
    """The entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
