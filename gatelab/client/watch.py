"""Following a job live: bars on a terminal, lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, assert_never

from gatelab.client.api import Gatelab
from gatelab.client.errors import ClientError
from gatelab.client.formatting import duration, printable
from gatelab.client.models import Event, Job
from gatelab.client.output import console, print_line
from gatelab.client.progress import Progress, RunProgress
from gatelab.wire import events
from gatelab.wire.events import JobEvent

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import ProgressColumn, TaskID

REFRESH_SECONDS = 1.0
"""Seconds between two requests for the job's own progress while events arrive."""


class Display(Protocol):
    """Shows the events of a job."""

    def show(self, event: Event, run: RunProgress | None) -> None: ...

    def show_job(self, job: Job) -> None: ...


def watch(gatelab: Gatelab, job_id: str, patience: float = 60.0) -> Job:
    """Show the job's progress until it ends, and return it.

    It waits for restarts of the service that take less than `patience` seconds.
    """
    job = gatelab.job(job_id)
    progress = Progress({run.id: RunProgress.of(run) for run in gatelab.runs(job_id)})
    refreshed = time.monotonic()
    with display() as shown:
        shown.show_job(job)
        for event in gatelab.events(job_id, patience=patience):
            shown.show(event, progress.apply(event))
            if time.monotonic() - refreshed > REFRESH_SECONDS:
                # This is only decoration: if the service restarts, the event stream waits for it.
                with suppress(ClientError):
                    shown.show_job(gatelab.job(job_id))
                refreshed = time.monotonic()
        job = gatelab.job(job_id)
        shown.show_job(job)
    return job


@contextmanager
def display() -> Iterator[Display]:
    """The display that suits standard output."""
    out = console()
    if not out.is_terminal:
        yield Lines()
        return
    from rich.progress import Progress as Bars

    with Bars(*columns(), console=out) as bars:
        yield LiveBars(bars)


def columns() -> "tuple[ProgressColumn, ...]":
    """The columns of a bar. Names come from users, so nothing is interpreted as markup."""
    from rich.progress import BarColumn, TextColumn

    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f}%", markup=False),
        TextColumn("{task.fields[detail]}", markup=False),
    )


class Lines:
    """One line for each notable event."""

    def __init__(self) -> None:
        self._told: object = None

    def show(self, event: Event, run: RunProgress | None) -> None:
        if run is None:
            return
        if (told := event.told) is not None and (news := _line(told, run)):
            print_line(f"{run.id} ({run.name}): {news}")

    def show_job(self, job: Job) -> None:
        if (job.state, job.runs) != self._told:
            self._told = (job.state, job.runs)
            print_line(f"job {job.id}: {summary(job)}")


def _line(told: JobEvent, run: RunProgress) -> str | None:
    """The log line of an event; None for events without one."""
    match told:
        case events.RunStarted():
            return "started"
        case events.RunEvaluated():
            return run.describe()
        case events.Sampled():
            return repr(told.text)
        case events.RunSucceeded() | events.RunFailed() | events.RunCancelled():
            return run.state + (f", {run.error}" if run.error else "")
        case events.CellCompiled():
            return f"its cell was compiled in {duration(told.seconds)}, once for this machine"
        case events.CheckpointCorrupt():
            return f"the checkpoint of step {told.step} is damaged; it resumes from step {told.resumed_from}"
        case events.JobCreated() | events.JobFinished() | events.RunMoved() | events.Progress():
            return None
        case _:
            assert_never(told)


class LiveBars:
    """A bar for the job, and one for each run that is running."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._job: TaskID | None = None
        self._runs: dict[str, TaskID] = {}

    def show(self, event: Event, run: RunProgress | None) -> None:
        if run is None:
            return
        if run.state == "running":
            task = self._runs.get(run.id)
            if task is None:
                task = self._runs[run.id] = self._bars.add_task(f"  {printable(run.name)}", total=None, detail="")
            self._bars.update(task, total=run.total_steps or None, completed=run.step, detail=run.describe())
        elif run.id in self._runs:
            self._bars.remove_task(self._runs.pop(run.id))
        if isinstance(event.told, events.RunFailed):
            self._bars.console.print(printable(f"{run.name} ({run.id}) failed: {run.error}"), style="red")

    def show_job(self, job: Job) -> None:
        if self._job is None:
            self._job = self._bars.add_task(f"job {printable(job.name)}", total=1.0, detail="")
        self._bars.update(self._job, completed=job.progress, detail=summary(job))


def summary(job: Job) -> str:
    """The job in a line: its state, how many runs are done, the time that is left."""
    parts = [job.state, f"{job.runs.finished}/{job.runs.total} runs done"]
    if job.runs.failed:
        parts.append(f"{job.runs.failed} failed")
    if job.eta_seconds and not job.finished:
        parts.append(f"{duration(job.eta_seconds)} left")
    return ", ".join(parts)
