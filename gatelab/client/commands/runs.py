"""`gatelab runs` and `gatelab show`."""

from typing import Annotated

import typer

from gatelab.client.commands.options import DEFAULT_URL, AsJson, Gatelab, Url
from gatelab.client.errors import ApiError
from gatelab.client.formatting import count
from gatelab.client.models import Job, Run
from gatelab.client.output import print_json, print_line, print_table, print_yaml
from gatelab.client.tables import RUN_COLUMNS, run_row
from gatelab.client.watch import summary


def runs(
    job: Annotated[str | None, typer.Option("--job", help="Only the runs of this job.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List runs with their results."""
    with Gatelab(url) as gatelab:
        found = list(gatelab.runs(job))
    if as_json:
        print_json(found)
    else:
        print_table(RUN_COLUMNS, map(run_row, found))


def show(
    key: Annotated[str, typer.Argument(metavar="RUN_OR_JOB", help="Id of a run or a job.")],
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show everything about a run or a job."""
    with Gatelab(url) as gatelab:
        found = find(gatelab, key)
        if as_json:
            print_json(found)
        elif isinstance(found, Run):
            show_run(gatelab, found)
        else:
            print_line(f"job {found.id} ({found.name}): {summary(found)}")
            print_yaml(found.spec)
            print_table(RUN_COLUMNS, map(run_row, gatelab.runs(found.id)))


def find(gatelab: Gatelab, key: str) -> Run | Job:
    """
    Raises:
        ApiError: `key` is the id of neither.
    """
    try:
        return gatelab.run(key)
    except ApiError as error:
        if error.status != 404:
            raise
    try:
        return gatelab.job(key)
    except ApiError as error:
        if error.status != 404:
            raise
        raise ApiError(404, error.type, error.title, f"there is no run or job {key!r}") from None


def show_run(gatelab: Gatelab, run: Run) -> None:
    """Print the run: its results, its spec, its sample, its checkpoints."""
    device = f" on {run.device}" if run.device else ""
    print_line(f"run {run.id} (number {run.index} of job {run.job}): {run.state}{device}")
    if run.error:
        print_line(f"error: {run.error.type}: {run.error.message}")
    print_line(f"{count(run.parameters)} parameters, step {run.step} of {run.total_steps or '?'}")
    print_table(RUN_COLUMNS, [run_row(run)])
    print_yaml(run.spec)
    if run.sample is not None:
        print_line(f"sample: {run.sample}")
    steps = [str(checkpoint.step) for checkpoint in gatelab.checkpoints(run.id)]
    print_line(f"checkpoints: {', '.join(steps) or 'none yet'}")
