"""`python -m tests.faults.untimed_worker`: a worker that trusts its lease without checking its own clock.

A worker that was stopped for longer than its lease usually notices this itself before it writes anything, but not if
it was stopped just after the check. This worker never checks, so only the fencing keeps it from writing.
"""

from gatelab.store import Flags
from worker.__main__ import main
from worker.lease import Leases


def unchecked(self: Leases, run_id: str) -> Flags:
    return self._held[run_id].flags


def patch() -> None:
    Leases.check = unchecked  # type: ignore[method-assign]


if __name__ == "__main__":
    patch()
    main()
