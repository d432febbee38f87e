"""Jobs: submit them, steer them, wait for them, compare their results."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from gatelab.client.calls.base import Calls, data_of, path_of
from gatelab.client.events import follow
from gatelab.client.models import Event, Job, Page, Plan, RunCurve, RunCurves

if TYPE_CHECKING:
    from gatelab.specs import JobSpec

ReportFormat = Literal["json", "csv", "md", "html"]


class JobCalls(Calls):
    """The methods of `gatelab.Gatelab` for jobs."""

    def submit(self, spec: JobSpec | Mapping[str, Any], idempotency_key: str | None = None) -> Job:
        """Submit a job. It is queued when this returns.

        If the connection is lost, the request is sent again; it does not make a second job.

        Args:
            idempotency_key: for 24 hours, a second call with the same key makes no second job; by default a new key.
        """
        return self._transport.post_once("/v1/jobs", Job, data_of(spec), idempotency_key or secrets.token_urlsafe())

    def plan(self, spec: JobSpec | Mapping[str, Any]) -> Plan:
        """What a job would cost. The spec is checked as by `submit`, but nothing is queued."""
        return self._transport.post("/v1/jobs", Plan, data_of(spec), {"dry_run": True})

    def job(self, job: str) -> Job:
        return self._transport.get(path_of("jobs", job), Job)

    def jobs(self) -> Iterator[Job]:
        return self._pages("/v1/jobs", Page[Job])

    def cancel(self, job: str) -> Job:
        return self._transport.post(path_of("jobs", job, "cancel"), Job)

    def pause(self, job: str) -> Job:
        return self._transport.post(path_of("jobs", job, "pause"), Job)

    def resume(self, job: str) -> Job:
        return self._transport.post(path_of("jobs", job, "resume"), Job)

    def curves(self, job: str, points: int | None = None) -> list[RunCurve]:
        """The learning curves of all runs of a job, in their order, thinned to about `points` evaluations of each."""
        wanted = {} if points is None else {"points": points}
        return self._transport.get(path_of("jobs", job, "metrics"), RunCurves, wanted).data

    def report(self, job: str, format: ReportFormat = "md", tuned: Iterable[str] = ()) -> str:
        """The report on the runs of a job.

        Args:
            tuned: paths of the grid; each variant is reported only at its best value on validation.
        """
        parameters = {"format": format, "tuned": list(tuned)}
        return self._transport.get_bytes(path_of("jobs", job, "report"), parameters).decode()

    def compare(self, runs: Iterable[str], format: ReportFormat = "md") -> str:
        """The report on runs of any jobs, with a warning for every difference that makes them hard to compare."""
        return self._transport.get_bytes("/v1/compare", {"runs": ",".join(runs), "format": format}).decode()

    def delete_job(self, job: str) -> None:
        self._transport.delete(path_of("jobs", job))

    def events(self, job: str, after: int = 0, patience: float = 60.0) -> Iterator[Event]:
        """The events of the job, from the one after number `after` until the job ends.

        A lost connection is opened again without a gap, even if the service is away for up to `patience` seconds.
        """

        def is_over(seen: int) -> bool:
            found = self.job(job)
            return found.finished and found.event <= seen

        return follow(self._transport, path_of("jobs", job, "events"), is_over, after, patience)

    def wait(self, job: str, patience: float = 60.0) -> Job:
        """Wait until the job ends, in whatever state."""
        for _ in self.events(job, patience=patience):
            pass
        return self.job(job)
