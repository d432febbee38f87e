"""/v1/jobs: submitting jobs, reading and steering them."""

from functools import partial
from typing import Annotated

from fastapi import BackgroundTasks, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from gatelab.errors import InvalidSpec
from gatelab.reports.build import job_report
from gatelab.specs import JobSpec
from gatelab.store.ids import check_name
from gatelab.store.states import State
from gatelab.sweeps import MOST_PATHS
from gatelab.wire.base import Page
from gatelab.wire.evaluations import RunCurve
from gatelab.wire.jobs import Plan
from service.authorization import Asking
from service.computing import computing
from service.context import Context, Cursor, Limit, Points, Service
from service.jobs.plan_views import plan_of
from service.jobs.submission import plan, submit
from service.jobs.views import Job
from service.json_answers import said
from service.report_formats import REPORT_RESPONSES, AskedFormat, answer
from service.routing import Router
from service.views import page, whole

router = Router(prefix="/v1/jobs", tags=["jobs"])

WAKEUPS_PER_JOB = 16
"""The most wake-ups for a job. Workers that claim runs wake others, so more messages would be useless."""


@router.post(
    "",
    status_code=202,
    response_model=Job,
    responses={200: {"model": Plan, "description": "The answer to a dry run"}},
)
async def create_job(
    spec: JobSpec,
    request: Request,
    service: Service,
    asking: Asking,
    response: Response,
    after: BackgroundTasks,
    dry_run: Annotated[bool, Query(description="answer what the job would cost, without queuing it")] = False,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key", pattern=r"^[\x21-\x7e]{1,255}$")] = None,
) -> Job | Response:
    """Queue the runs of a spec. If any of it is wrong, nothing is queued.

    With an `Idempotency-Key`, a request that is sent again within 24 hours is answered with the job that the first
    one made. The same key with another spec is refused.

    A run of the grid that repeats an earlier one is left out, since it would not be a second sample.

    A dry run has the same checks, and answers (200) what the job would cost. It needs no idempotency key.
    """
    check_name(spec.name, InvalidSpec)
    if dry_run:
        return await service.computations.run(request, asking.account, partial(_planned, service, spec, asking.account))
    store, limits = service.store, service.settings.limits
    queue = partial(submit, store, limits, spec, asking.account, idempotency_key, service.settings.engine)
    job = await service.computations.run(request, asking.account, queue)
    after.add_task(service.wakeups.send, min(job.total, WAKEUPS_PER_JOB))
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return Job.of(job)


def _planned(service: Context, spec: JobSpec, account: str) -> Response:
    planned = plan(service.store, service.settings.limits, spec, account, service.settings.engine)
    trained = service.store.jobs.trained(account, planned.corpus_ids, planned.runs.values())
    return JSONResponse(plan_of(planned, spec, trained).model_dump(mode="json"))


@router.get("")
def list_jobs(
    service: Service, asking: Asking, state: State | None = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[Job]:
    """List the account's jobs, newest first."""
    return page(service.store.jobs.list(account=asking.account, state=state, cursor=cursor, limit=limit), Job.of)


@router.get("/{job}/metrics")
@computing
def job_metrics(service: Service, job: str, points: Points = None) -> Page[RunCurve]:
    """Get the learning curves of all runs of the job, in their order."""
    return whole(service.store.metrics.of_job(job, points=points))


@router.get("/{job}", response_model=Job)
async def get_job(service: Service, job: str) -> Response:
    """Get a job, with the states of its runs."""
    return said(Job.of(await service.short_reads.look(lambda store: store.jobs.get(job))))


@router.get("/{job}/report", response_class=Response, responses=REPORT_RESPONSES)
@computing
def get_report(
    service: Service,
    job: str,
    format: AskedFormat = "json",
    tuned: Annotated[
        list[str] | None,
        Query(
            max_length=MOST_PATHS,
            description="a path of the grid; each variant is reported only at its best value on validation",
        ),
    ] = None,
) -> Response:
    """Report on the runs together: a row for each grid point, significant differences, important hyper-parameters.

    With `tuned` (repeatable), each variant is reported at its own best value of a path, such as the learning rate.
    """
    stored = service.store.jobs.get(job)
    return answer(job_report(stored.id, stored.spec, service.store.results.of_job(job), tuned or ()), format)


@router.post("/{job}/cancel")
def cancel_job(service: Service, job: str) -> Job:
    """Cancel all runs that have not ended. A running one stops after its current step, and its results are kept."""
    return Job.of(service.store.jobs.cancel(job))


@router.post("/{job}/pause")
def pause_job(service: Service, job: str) -> Job:
    """Pause the job until `resume`. A running run stops after its current step and is saved."""
    return Job.of(service.store.jobs.pause(job))


@router.post("/{job}/resume")
def resume_job(service: Service, job: str, after: BackgroundTasks) -> Job:
    """Queue the paused runs again. They resume where they stopped."""
    resumed = service.store.jobs.resume(job)
    after.add_task(service.wakeups.send)
    return Job.of(resumed)


@router.delete("/{job}", status_code=204)
def delete_job(service: Service, job: str) -> None:
    """Delete a job with its runs, metrics and checkpoints. Refused (409) while a run is running."""
    service.store.jobs.delete(job)
