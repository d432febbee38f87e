"""/v1/jobs: requests to train, and what becomes of them."""

from collections.abc import AsyncIterator
from typing import Annotated

from anyio import sleep, to_thread
from fastapi import APIRouter, BackgroundTasks, Header, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse

from gatelab.reports import job_report
from gatelab.specs import JobSpec
from gatelab.store.events import Event
from gatelab.store.states import FINISHED, State
from service.context import Context, Cursor, Limit, Service
from service.plans import Plan
from service.reports import REPORT_RESPONSES, AskedFormat, answer
from service.streams import KEEP_ALIVE, event, stream
from service.submit import plan, submit
from service.views import Job, JobEvent, Page, page

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

LOOK_SECONDS = 0.25
"""How often an event stream looks for news."""
KEEP_ALIVE_SECONDS = 15.0
WAKEUPS_PER_JOB = 16
"""Workers wake further ones by taking up work; more messages would only be noise."""


@router.post(
    "", status_code=202, response_model=Job, responses={200: {"model": Plan, "description": "The answer to a dry run"}}
)
def create_job(
    spec: JobSpec,
    service: Service,
    response: Response,
    after: BackgroundTasks,
    dry_run: Annotated[bool, Query(description="answer what the job would cost, and queue nothing")] = False,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key", pattern=r"^[\x21-\x7e]{1,255}$")] = None,
) -> Job | Response:
    """Queue the runs of a spec. Nothing is queued unless all of it is right.

    With an `Idempotency-Key`, a request that is sent again within 24 hours is answered with the job that the first
    one made. The same key with another spec is refused.

    A dry run is checked alike and answered (200) with what the job would cost; it has no use for a key.
    """
    if dry_run:
        planned = plan(service.store, service.settings.limits, spec)
        return JSONResponse(Plan.of(planned).model_dump(mode="json"))
    job = submit(service.store, service.settings.limits, spec, idempotency_key)
    after.add_task(service.wakeups.send, min(job.total, WAKEUPS_PER_JOB))
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return Job.of(job)


@router.get("")
def list_jobs(service: Service, state: State | None = None, cursor: Cursor = None, limit: Limit = 100) -> Page[Job]:
    """All jobs, newest first."""
    return page(service.store.jobs.list(state=state, cursor=cursor, limit=limit), Job.of)


@router.get("/{job}")
def get_job(service: Service, job: str) -> Job:
    return Job.of(service.store.jobs.get(job))


@router.get("/{job}/report", response_class=Response, responses=REPORT_RESPONSES)
def get_report(
    service: Service,
    job: str,
    format: AskedFormat = "json",
    tuned: Annotated[
        list[str] | None, Query(description="a path of the grid: only its best value on validation is reported")
    ] = None,
) -> Response:
    """What its runs say together: a row for each grid point, what differs, and which hyper-parameter matters.

    With `tuned` (repeatable), every variant is reported at its own best value of that path, such as its learning rate.
    """
    stored = service.store.jobs.get(job)
    return answer(job_report(stored.id, stored.spec, service.store.results.of_job(job), tuned or ()), format)


@router.post("/{job}/cancel")
def cancel_job(service: Service, job: str) -> Job:
    """End all its runs that have not ended. A running one stops after its present step; what it has is kept."""
    return Job.of(service.store.jobs.cancel(job))


@router.post("/{job}/pause")
def pause_job(service: Service, job: str) -> Job:
    """Take its runs out of the queue until `resume`. A running one is saved after its present step."""
    return Job.of(service.store.jobs.pause(job))


@router.post("/{job}/resume")
def resume_job(service: Service, job: str, after: BackgroundTasks) -> Job:
    """Queue its paused runs again. They go on where they stopped."""
    resumed = service.store.jobs.resume(job)
    after.add_task(service.wakeups.send)
    return Job.of(resumed)


@router.delete("/{job}", status_code=204)
def delete_job(service: Service, job: str) -> None:
    """Delete a job with its runs, metrics and checkpoints. Refused (409) while a run is running."""
    service.store.jobs.delete(job)


@router.get("/{job}/events", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
def job_events(
    service: Service,
    job: str,
    after: Annotated[int, Query(ge=0, description="number of the last event that is known already")] = 0,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", pattern=r"^[0-9]{1,9}$")] = None,
) -> StreamingResponse:
    """Everything that happens in the job, as server-sent events, from the start or after `Last-Event-ID`.

    The stream ends when the job has ended.
    """
    service.store.jobs.get(job)
    return stream(_events(service, job, after if last_event_id is None else int(last_event_id)))


async def _events(service: Context, job: str, seen: int) -> AsyncIterator[bytes]:
    """Looks at the database: whatever process wrote an event, every stream sees it."""
    idle = 0.0
    while not service.stopping:
        ended, news = await to_thread.run_sync(_news, service, job, seen)
        for item in news:
            seen = item.seq
            yield event(JobEvent.of(item), item.type, item.seq)
        if news:
            idle = 0.0
            continue
        if ended:
            return
        if idle >= KEEP_ALIVE_SECONDS:
            idle = 0.0
            yield KEEP_ALIVE
        await sleep(LOOK_SECONDS)
        idle += LOOK_SECONDS


def _news(service: Context, job: str, seen: int) -> tuple[bool, list[Event]]:
    """Whether the job had ended, asked before its events were read, and the events after `seen`."""
    ended = service.store.jobs.get(job).state in FINISHED
    return ended, service.store.events.after(job, seen)
