"""`gatelab submit`, `jobs`, `watch`, `cancel`, `pause`, `resume`, `delete`."""

from pathlib import Path
from typing import Annotated

import typer

from gatelab.client import recipes, specfile
from gatelab.client.commands.options import DEFAULT_URL, AsJson, Gatelab, JobId, Url
from gatelab.client.formatting import count, duration
from gatelab.client.models import Job, Plan
from gatelab.client.output import print_json, print_line, print_note, print_table
from gatelab.client.tables import JOB_COLUMNS, RUN_COLUMNS, job_row, run_row
from gatelab.client.watch import summary, watch

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended: 128 + SIGINT."""


def submit(
    file: Annotated[
        str,
        typer.Argument(metavar="SPEC.yaml", help="A job spec, or recipe:NAME for one that `gatelab recipes` lists."),
    ],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a value of the spec. Repeatable.")
    ] = None,
    follow: Annotated[bool, typer.Option("--watch", help="Show the progress until the job ends.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the job would cost, without queuing it.")
    ] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Submit a job."""
    spec = specfile.load(spec_path(file), settings or ())
    with Gatelab(url) as gatelab:
        if dry_run:
            plan = gatelab.plan(spec)
            print_plan(plan)
            _note_repeats(plan)
            return
        job = gatelab.submit(spec)
        print_line(f"job {job.id}: {job.runs.total} {'run' if job.runs.total == 1 else 'runs'} queued")
        _note_repeats(job)
        if follow:
            watch_to_end(gatelab, job.id)


def spec_path(given: str) -> Path:
    """The file that a command line names.

    Raises:
        InvalidSpec: no recipe has the name after `recipe:`.
    """
    if given.startswith(recipes.PREFIX):
        return recipes.find(given.removeprefix(recipes.PREFIX))
    return Path(given)


def watch_job(job: JobId, url: Url = DEFAULT_URL) -> None:
    """Show a job's progress until it ends. Exit code 1 if a run of it did not succeed."""
    with Gatelab(url) as gatelab:
        watch_to_end(gatelab, job)


def jobs(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List the jobs."""
    with Gatelab(url) as gatelab:
        found = list(gatelab.jobs())
    if as_json:
        print_json(found)
    else:
        print_table(JOB_COLUMNS, map(job_row, found))


def cancel(job: JobId, url: Url = DEFAULT_URL) -> None:
    """Cancel a job. Its recorded results and checkpoints are kept."""
    with Gatelab(url) as gatelab:
        print_state(gatelab.cancel(job))


def pause(job: JobId, url: Url = DEFAULT_URL) -> None:
    """Pause a job, to be resumed later."""
    with Gatelab(url) as gatelab:
        print_state(gatelab.pause(job))


def resume(job: JobId, url: Url = DEFAULT_URL) -> None:
    """Resume a paused job."""
    with Gatelab(url) as gatelab:
        print_state(gatelab.resume(job))


def delete(job: JobId, url: Url = DEFAULT_URL) -> None:
    """Delete a job that has ended, with its runs and checkpoints."""
    with Gatelab(url) as gatelab:
        gatelab.delete_job(job)
    print_line(f"job {job}: deleted")


def watch_to_end(gatelab: Gatelab, job_id: str) -> None:
    """Watch the job and print its runs.

    Raises:
        typer.Exit: code 1 if a run did not succeed, 130 on Ctrl-C.
    """
    try:
        job = watch(gatelab, job_id)
    except KeyboardInterrupt:
        print_note(
            f"job {job_id} continues; see it with `gatelab watch {job_id}`, end it with `gatelab cancel {job_id}`"
        )
        raise typer.Exit(INTERRUPTED) from None
    print_table(RUN_COLUMNS, map(run_row, gatelab.runs(job_id)))
    if job.runs.succeeded < job.runs.total:
        raise typer.Exit(1)


def _note_repeats(asked: Job | Plan) -> None:
    """Point out the runs that repeat others."""
    if asked.left_out:
        print_note(f"Left out of the grid because they repeat earlier runs: {asked.left_out}")
    if asked.trained:
        print_note(f"Job {asked.trained} has already trained exactly these runs; see gatelab report {asked.trained}")


def print_plan(plan: Plan) -> None:
    least, most = plan.parameters.smallest, plan.parameters.largest
    print_line(f"runs: {plan.runs}")
    print_line(f"parameters: {count(least)}" + (f" to {count(most)}" if most > least else ""))
    print_line(f"memory: about {plan.memory.bytes / 2**20:.1f} MiB for the largest run ({plan.memory.covers})")
    seconds = plan.seconds
    if seconds.total is None:
        print_line(f"time: not known ({seconds.reason})")
    else:
        print_line(
            f"time: about {duration(seconds.total)} on one worker, the longest run {duration(seconds.longest_run)}"
            f" ({seconds.device}, from {seconds.calibrated_from} past runs)"
        )
    if plan.engine is not None:
        print_line(f"engine: {plan.engine}")


def print_state(job: Job) -> None:
    print_line(f"job {job.id}: {summary(job)}")
