"""`python -m tests.faults.unfenced_worker`: a worker without fencing, for the negative control.

Its writes must show up as damage; otherwise the checks of these tests are blind.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, update

from gatelab.store import Claim, Flags
from gatelab.store.claims import Claims
from gatelab.store.clock import now
from gatelab.store.tables import runs
from tests.faults import untimed_worker
from worker.__main__ import main


def fenced_by_nothing(self: Claims, connection: Connection, claim: Claim, values: Mapping[str, Any]) -> Flags:
    """Like `Claims._fenced`, but accepts any owner."""
    row = connection.execute(
        update(runs)
        .where(runs.c.id == claim.run_id)
        .values({**values, "lease_until": now() + self._lease})
        .returning(runs.c.cancel_requested, runs.c.pause_requested)
    ).one()
    return Flags(cancel=row.cancel_requested, pause=row.pause_requested)


if __name__ == "__main__":
    untimed_worker.patch()
    Claims._fenced = fenced_by_nothing  # type: ignore[method-assign]
    main()
