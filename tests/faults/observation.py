"""Observing runs continuously, through the API like a user, and in the database."""

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select

from gatelab.client.api import Gatelab
from gatelab.client.errors import ApiError, ConnectionFailed
from gatelab.errors import Unavailable
from gatelab.store import FINISHED, State, Store
from gatelab.store.tables import runs


@dataclass(frozen=True)
class ObservedRun:
    """A run at one moment, as the database has it.

    Attributes:
        owner, token: the owner and the fencing token of its lease.
        crash_count: the leases that it has lost since it last saved progress.
    """

    id: str
    job_id: str
    state: State
    step: int
    token: int
    crash_count: int
    owner: str | None

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


_COLUMNS = [runs.c[name] for name in ObservedRun.__dataclass_fields__]


class Observer:
    """The observations of the followed jobs.

    Attributes:
        jobs: all followed jobs.
        sights: run -> its last observed state.
        backwards: how often the API showed a run's step going down.
    """

    def __init__(self, client: Gatelab, store: Store) -> None:
        self._client, self._store = client, store
        self.jobs: list[str] = []
        self._open: list[str] = []
        self._shown: dict[str, tuple[bool, int]] = {}
        self.observed: dict[str, ObservedRun] = {}
        self.backwards = 0

    def __str__(self) -> str:
        return "\n".join(map(str, self.unfinished()))

    def follow(self, job_id: str) -> None:
        self.jobs.append(job_id)
        self._open.append(job_id)
        self._read_database()

    def look(self) -> None:
        """Observe once. If the API or the database is not available, nothing is recorded."""
        with suppress(ConnectionFailed, ApiError):
            self._read_api()
        with suppress(Unavailable):
            self._read_database()

    def of_job(self, job_id: str) -> list[ObservedRun]:
        return [run for run in self.observed.values() if run.job_id == job_id]

    def unfinished(self) -> list[ObservedRun]:
        return [run for run in self.observed.values() if not run.finished]

    def _read_api(self) -> None:
        for job in self._open_jobs():
            for run in self._client.runs(job=job):
                shown = (State(run.state) in FINISHED, run.step)
                before = self._shown.get(run.id, (False, 0))
                self.backwards += shown[0] < before[0] or shown[1] < before[1]
                self._shown[run.id] = shown

    def _read_database(self) -> None:
        if not (jobs := self._open_jobs()):
            return
        with self._store.database.read() as connection:
            for row in connection.execute(select(*_COLUMNS).where(runs.c.job_id.in_(jobs))).mappings():
                self.observed[row["id"]] = ObservedRun(**{**row, "state": State(row["state"])})

    def _open_jobs(self) -> list[str]:
        """The runs that are not known to have ended."""
        ended = {job for job in self._open if (seen := self.of_job(job)) and all(run.finished for run in seen)}
        self._open = [job for job in self._open if job not in ended]
        return self._open
