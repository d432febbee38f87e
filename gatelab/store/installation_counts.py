"""The states of all runs, for monitoring: one statement, cheap enough for every scrape."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select

from gatelab.store.clock import now
from gatelab.store.states import State
from gatelab.store.tables import runs


@dataclass(frozen=True)
class InstallationCounts:
    """
    Attributes:
        runs: the number of runs in each state.
        queue_age: seconds for which the oldest queued run has waited; 0 if none waits.
        expired_leases: running runs whose worker has been silent for longer than its lease.
    """

    runs: Mapping[State, int]
    queue_age: float
    expired_leases: int


def query() -> Select[tuple[str, int, float, int]]:
    """A row for each state that any run is in. The index of states and queue times answers everything except the
    expired leases, for which only the running runs are searched.
    """
    running = runs.alias("running")
    expired = select(func.count()).where(running.c.state == State.RUNNING, running.c.lease_until < now())
    return select(
        runs.c.state,
        func.count().label("runs"),
        (now() - func.min(runs.c.queued_at)).label("age"),
        expired.scalar_subquery().label("expired"),
    ).group_by(runs.c.state)


def take(connection: Connection) -> InstallationCounts:
    rows = {State(row.state): row for row in connection.execute(query())}
    counts = {state: rows[state].runs if state in rows else 0 for state in State}
    # The clock of a database may be set back.
    age = max(0.0, rows[State.QUEUED].age) if State.QUEUED in rows else 0.0
    return InstallationCounts(counts, age, max((row.expired for row in rows.values()), default=0))
