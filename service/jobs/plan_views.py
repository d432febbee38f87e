"""The API's answer to a dry run."""

from gatelab.specs import JobSpec
from gatelab.specs.engine_support import trained_by_torch
from gatelab.sweeps import asked_runs
from gatelab.wire.jobs import Memory, Plan, PredictedSeconds, Range
from service.jobs.submission import Plan as Planned


def plan_of(plan: Planned, spec: JobSpec, trained: str | None) -> Plan:
    works = [each.work for each in plan.expected]
    counts = [work.parameters for work in works]
    seconds = [each.seconds for each in plan.expected if each.seconds is not None]
    return Plan(
        runs=len(works),
        left_out=asked_runs(spec) - len(works),
        trained=trained,
        engine=trained_by_torch(run.model for run in plan.runs.values()),
        parameters=Range(smallest=min(counts), largest=max(counts)),
        memory=Memory(bytes=max(work.memory_bytes for work in works)),
        seconds=PredictedSeconds(
            total=sum(seconds) if seconds else None,
            longest_run=max(seconds, default=None),
            device=plan.device,
            calibrated_from=plan.calibrated_from,
            reason=None if seconds else "no run has succeeded here yet, so nothing can be predicted",
        ),
    )
