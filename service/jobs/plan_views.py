"""What the API answers to a dry run."""

from gatelab.specs import JobSpec
from gatelab.specs.engine_support import trained_by_torch
from gatelab.sweeps import asked_runs
from service.jobs.submission import Plan as Planned
from service.views import View


class Range(View):
    """The least and the most of all runs."""

    smallest: int
    largest: int


class Memory(View):
    """An estimate for the run that needs most."""

    bytes: int
    covers: str = (
        "weights, gradient, optimizer state and the activations of one batch, in 32-bit floats; neither the text nor"
        " the program (PyTorch alone takes some 300 MB)"
    )


class PredictedSeconds(View):
    """Training and evaluation of all runs, one after the other on one worker, and of the longest of them.

    `calibrated_from` is how many runs that succeeded on `device` they are predicted from. Null where there is none
    yet; `reason` says so.
    """

    total: float | None
    longest_run: float | None
    device: str | None
    calibrated_from: int
    reason: str | None


class Plan(View):
    """What a job would cost.

    `left_out` runs would be the same as earlier ones of the grid and are not trained. `trained` is an earlier job that
    has trained exactly these runs: its results are there already. `engine` says why PyTorch trains some runs, where the
    faster engine has no code for a field of their model; else null.
    """

    runs: int
    left_out: int
    parameters: Range
    memory: Memory
    seconds: PredictedSeconds
    trained: str | None
    engine: str | None

    @classmethod
    def of(cls, plan: Planned, spec: JobSpec, trained: str | None) -> "Plan":
        works = [each.work for each in plan.expected]
        counts = [work.parameters for work in works]
        seconds = [each.seconds for each in plan.expected if each.seconds is not None]
        return cls(
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
                reason=None if seconds else "no run has succeeded here yet, so there is nothing to predict from",
            ),
        )
