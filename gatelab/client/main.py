"""The `gatelab` command."""

import typer

from gatelab.client.commands.lazy_group import Listed, lazily

LISTED = (
    Listed("version", "version:version", "Print the version."),
    Listed("up", "up:up", "Run the service, workers and a broker on this machine, until Ctrl-C."),
    Listed(
        "demo",
        "demo:demo",
        "Train a GRU on a book and let it write, all on this machine, in about a minute.",
    ),
    Listed("backup", "backup:backup", "Back up a data directory into one file, while Gatelab runs."),
    Listed(
        "restore",
        "backup:restore",
        "Restore a backup into a new data directory. A damaged backup is refused as a whole.",
    ),
    Listed("submit", "jobs:submit", "Submit a job."),
    Listed(
        "recipes",
        "recipes:list_recipes",
        "List the specs that come with Gatelab: `gatelab submit recipe:NAME` submits one.",
    ),
    Listed("watch", "jobs:watch_job", "Show a job's progress until it ends."),
    Listed("jobs", "jobs:jobs", "List the jobs."),
    Listed("runs", "runs:runs", "List runs with their results."),
    Listed("show", "runs:show", "Show everything about a run or a job."),
    Listed("report", "reports:report", "Show the report on a job: its results, and which differences are significant."),
    Listed("compare", "reports:compare", "Compare runs of any jobs."),
    Listed("generate", "generate:generate", "Generate text from a trained run."),
    Listed("export", "export:export", "Write a trained model to a file for other programs."),
    Listed("gates", "gates:gates", "Show what the gates of a run do while it reads a text."),
    Listed(
        "recall",
        "recall:recall",
        "Test how many symbols a run that was trained on a memory task recalls.",
    ),
    Listed("cancel", "jobs:cancel", "Cancel a job."),
    Listed("pause", "jobs:pause", "Pause a job, to be resumed later."),
    Listed("resume", "jobs:resume", "Resume a paused job."),
    Listed("delete", "jobs:delete", "Delete a job that has ended, with its runs and checkpoints."),
    Listed("corpora", "corpora:app", "Texts to train on: add, make, list, delete."),
    Listed("cells", "cells:app", "Recurrent cells written as equations: list, show, check."),
    Listed("keys", "keys:app", "API keys: create, list, rotate, revoke."),
)
"""All commands, in the order in which `gatelab --help` lists them."""

app = typer.Typer(
    cls=lazily(LISTED),
    help="Train, compare and serve gated recurrent language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawing boxes takes longer than everything else that --help does
)


@app.callback()
def _group() -> None:
    """Makes the app a group whose commands `lazily` finds."""


def main() -> None:
    """The entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
